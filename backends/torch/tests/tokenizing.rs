//! Tokenizers in the forms that checkpoints have them.

use backend_torch::checkpoint::Checkpoint;
use backend_torch::tokenizer::Tokenizer;
use harness::prompt::{Message, Prompt, Role};
use serde_json::json;

use crate::fixture::{alphabet, case, write};

/// Bytes as tokens 3 to 258, some merges behind them, as RoBERTa's files have it.
fn roberta(folder: &std::path::Path) {
    let mut vocabulary = json!({"<pad>": 0, "<s>": 1, "</s>": 2});
    for (byte, character) in alphabet().into_iter().enumerate() {
        vocabulary[character.to_string()] = json!(byte + 3);
    }
    for (id, token) in (259..).zip(["ĉĉ", "re", "Ġre", "<unk>", "<extra_id_0>"]) {
        vocabulary[token] = json!(id);
    }
    std::fs::write(folder.join("vocab.json"), vocabulary.to_string()).unwrap();
    let merges = "#version: 0.2\nĉ ĉ\nr e\nĠ re\n";
    std::fs::write(folder.join("merges.txt"), merges).unwrap();
    let map = json!({"additional_special_tokens": [{"content": "<extra_id_0>"}]});
    std::fs::write(folder.join("special_tokens_map.json"), map.to_string()).unwrap();
    std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
}

#[test]
fn roberta_files_make_codet5_like_ids() {
    let folder = tempfile::tempdir().unwrap();
    write(&case("t5 relu tied"), folder.path());
    roberta(folder.path());
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config).unwrap();
    let byte = |byte: u8| u32::from(byte) + 3;
    let text = "re re<extra_id_0>é\t\t";
    let [first, second] = [0xc3, 0xa9].map(byte);
    let mut ids = vec![1, 260, 261, 263, first, second, 259, 2];
    let encode = |text: &str| {
        tokenizer
            .encode_prompt(&Prompt::Text(text.to_owned()))
            .unwrap()
    };
    assert_eq!(encode(text), ids);
    assert_eq!(encode(""), [1, 2]);
    // What a model writes has no special tokens in its text.
    assert_eq!(tokenizer.decode(&ids), "re reé\t\t");
    // A character of two tokens is with the second.
    let texts = ["", "re", " re", "", "", "é", "\t\t", ""];
    assert_eq!(tokenizer.texts(&ids), texts);
    // CodeRL's prompts end with the end of text, also when they are cut.
    tokenizer.cut(&mut ids, 4);
    assert_eq!(ids, [1, 260, 261, 2]);
    let (completion, ends) = tokenizer.encode_completion("re re\t\t").unwrap();
    assert_eq!(completion, [1, 260, 261, 259]);
    assert_eq!(ends, [0, 2, 5, 7]);
}

#[test]
fn chat_templates_are_rendered_as_transformers_does() {
    let folder = tempfile::tempdir().unwrap();
    write(&case("llama 6/6 heads"), folder.path());
    let template = "{{ bos_token }}{% for message in messages %}\n\
                    {% if message.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\n\
                    [{{ message['role'] }}] {{ message.content.strip() }}\n\
                    {% endfor %}\n\
                    {% if add_generation_prompt %}[assistant]{% endif %}";
    let config = json!({
        "chat_template": template, "bos_token": {"content": "<s>"}, "eos_token": "</s>",
    });
    std::fs::write(
        folder.path().join("tokenizer_config.json"),
        config.to_string(),
    )
    .unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config).unwrap();
    let message = |role| {
        Prompt::Messages(vec![Message {
            role,
            content: " hi ".to_owned(),
        }])
    };
    let text = tokenizer.text(&message(Role::User)).unwrap();
    // The first line break behind a block is not a part of the text.
    assert_eq!(text, "<s>[user] hi\n[assistant]");
    let ids = tokenizer.encode_prompt(&message(Role::User)).unwrap();
    assert_eq!(ids[0], 1, "special tokens in a rendered text are special");
    let error = tokenizer
        .text(&message(Role::System))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no system"), "{error}");
}
