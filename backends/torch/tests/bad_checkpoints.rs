//! Checkpoints that cannot be used say what is wrong with them.

use std::io::Write;
use std::path::Path;

use backend_torch::checkpoint::Checkpoint;
use backend_torch::cpu;
use backend_torch::tokenizer::Tokenizer;
use serde_json::{Value, json};

use crate::fixture::{Case, alphabet, case, numbers, write};

/// Opens and loads everything.
fn load(path: &Path) -> Result<(), String> {
    let load = || -> backend_torch::Result<()> {
        let checkpoint = Checkpoint::open(path)?;
        Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config)?;
        cpu::load(&checkpoint.config, &checkpoint.tensors)?;
        Ok(())
    };
    load().map_err(|error| error.to_string())
}

/// The error of a directory that is right but for `spoil`.
#[track_caller]
fn check(spoil: impl FnOnce(&Path, &mut Case), expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut case = case("llama 6/2 heads untied");
    write(&case, folder.path());
    load(folder.path()).unwrap();
    spoil(folder.path(), &mut case);
    let error = load(folder.path()).unwrap_err();
    for expected in expected {
        assert!(error.contains(expected), "{error}");
    }
}

fn rewrite(folder: &Path, name: &str, change: impl FnOnce(&mut Value)) {
    let file = folder.join(name);
    let mut value: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(file, value.to_string()).unwrap();
}

#[test]
fn directories() {
    check(
        |folder, case| {
            case.tensors.remove("model.layers.1.mlp.up_proj.weight");
            write(case, folder);
        },
        &[
            "model.safetensors",
            "no tensor `model.layers.1.mlp.up_proj.weight`",
            "it has",
        ],
    );
    check(
        |folder, case| {
            case.tensors
                .insert("lm_head.weight".to_owned(), vec![48, 320]);
            write(case, folder);
        },
        &["`lm_head.weight`", "[48, 320]", "[320, 48]"],
    );
    check(
        |folder, case| {
            case.tensors
                .insert("model.layers.3.extra".to_owned(), vec![2]);
            write(case, folder);
        },
        &["no place for", "`model.layers.3.extra`"],
    );
    check(
        |folder, _| {
            rewrite(folder, "config.json", |config| {
                config["model_type"] = json!("gpt2");
            });
        },
        &["config.json", "`gpt2`", "t5, llama, qwen2"],
    );
    check(
        |folder, _| {
            rewrite(folder, "config.json", |config| {
                config["hidden_act"] = json!("relu");
            });
        },
        &["hidden_act `relu`"],
    );
    check(
        |folder, _| {
            rewrite(folder, "config.json", |config| {
                config["rope_parameters"] = json!({"rope_type": "llama3", "rope_theta": 1e4});
            });
        },
        &["rope_type `llama3`"],
    );
    check(
        |folder, _| {
            rewrite(folder, "config.json", |config| {
                config["num_key_value_heads"] = json!(4);
            });
        },
        &["6 attention heads cannot share 4"],
    );
    check(
        |folder, _| {
            rewrite(folder, "config.json", |config| {
                config.as_object_mut().unwrap().remove("hidden_size");
            });
        },
        &["config.json", "hidden_size"],
    );
    check(
        |folder, _| std::fs::remove_file(folder.join("config.json")).unwrap(),
        &["no `config.json`"],
    );
    check(
        |folder, _| std::fs::remove_file(folder.join("model.safetensors")).unwrap(),
        &["neither `model.safetensors` nor `pytorch_model.bin`"],
    );
    check(
        |folder, _| {
            std::fs::remove_file(folder.join("model.safetensors")).unwrap();
            let index = json!({"weight_map": {"a": "../elsewhere.safetensors"}});
            let file = folder.join("model.safetensors.index.json");
            std::fs::write(file, index.to_string()).unwrap();
        },
        &["../elsewhere.safetensors"],
    );
}

#[test]
fn tokenizers() {
    check(
        |folder, _| {
            rewrite(folder, "tokenizer.json", |tokenizer| {
                tokenizer["model"]["vocab"]["too far"] = json!(320);
            });
        },
        &["ids up to 320", "320 embeddings"],
    );
    check(
        |folder, _| {
            rewrite(folder, "config.json", |config| {
                config["eos_token_id"] = json!(300);
            });
        },
        &["does not know the token 300"],
    );
    check(
        |folder, _| std::fs::remove_file(folder.join("tokenizer.json")).unwrap(),
        &["neither `tokenizer.json` nor `vocab.json`"],
    );
    check(
        |folder, _| std::fs::write(folder.join("tokenizer.json"), "{").unwrap(),
        &["tokenizer.json"],
    );
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    write(&case("llama 6/2 heads tied"), folder.path());
    let file = folder.path().join("model.safetensors");
    let whole = std::fs::read(&file).unwrap();
    for length in (0..whole.len()).step_by(997) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(error.contains("model.safetensors"), "{error}");
    }
    let gguf = folder.path().join("model.gguf");
    write_gguf(&gguf, "smollm", 0);
    load(&gguf).unwrap();
    let whole = std::fs::read(&gguf).unwrap();
    for length in (0..whole.len()).step_by(211) {
        std::fs::write(&gguf, &whole[..length]).unwrap();
        let error = load(&gguf).unwrap_err();
        assert!(error.contains("model.gguf"), "{error}");
    }
}

#[test]
fn gguf_files_of_other_kinds() {
    let check = |pre: &str, encoding: u32, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        write_gguf(&file, pre, encoding);
        let error = load(&file).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check("dance", 0, "`tokenizer.ggml.pre` = `dance`");
    // IQ2_XXS.
    check("smollm", 16, "quantisation type 16 of tensor");
}

#[test]
fn archives() {
    let spoiled = |name: &str, content: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        write(&case("llama 6/2 heads tied"), folder.path());
        std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
        let file = std::fs::File::create(folder.path().join("pytorch_model.bin")).unwrap();
        let mut archive = zip::ZipWriter::new(file);
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        archive.start_file(name, options).unwrap();
        archive.write_all(content).unwrap();
        archive.finish().unwrap();
        load(folder.path()).unwrap_err()
    };
    let error = spoiled("archive/other", b"");
    assert!(error.contains("no `data.pkl`"), "{error}");
    let error = spoiled(
        "archive/data.pkl",
        b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.",
    );
    assert!(error.contains("`os.system`"), "{error}");
    // A tensor whose storage is not in the archive.
    let pickle = b"\x80\x02}X\x1a\0\0\0model.embed_tokens.weight_\
                   ctorch._utils\n_rebuild_tensor_v2\n\
                   ((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ\
                   K\0K\x02K\x02\x86K\x02K\x01\x86\x89}tRs.";
    let error = spoiled("archive/data.pkl", pickle);
    assert!(error.contains("model.embed_tokens.weight"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    write(&case("llama 6/2 heads tied"), folder.path());
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    std::fs::write(folder.path().join("pytorch_model.bin"), b"\x80\x02.").unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(
        error.contains("cut off, or was written by torch before 1.6"),
        "{error}"
    );
}

/// A Llama model whose matrices claim to be of type `encoding`; 0 is float32.
pub(crate) fn write_gguf(path: &Path, pre: &str, encoding: u32) {
    let mut out = Vec::new();
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    };
    let mut values: Vec<u8> = Vec::new();
    let mut n_values = 0_u64;
    let mut add = |key: &str, kind: u32, value: &[u8]| {
        text(&mut values, key);
        values.extend(kind.to_le_bytes());
        values.extend(value);
        n_values += 1;
    };
    let of_text = |value: &str| {
        let mut bytes = Vec::new();
        text(&mut bytes, value);
        bytes
    };
    let of_texts = |items: &[String]| {
        let mut bytes = 8_u32.to_le_bytes().to_vec();
        bytes.extend((items.len() as u64).to_le_bytes());
        for item in items {
            text(&mut bytes, item);
        }
        bytes
    };
    add("general.architecture", 8, &of_text("llama"));
    let sizes: [(&str, u32); 6] = [
        ("llama.context_length", 64),
        ("llama.embedding_length", 32),
        ("llama.block_count", 1),
        ("llama.feed_forward_length", 32),
        ("llama.attention.head_count", 2),
        ("tokenizer.ggml.eos_token_id", 2),
    ];
    for (key, size) in sizes {
        add(key, 4, &size.to_le_bytes());
    }
    let mut tokens: Vec<String> = ["<pad>", "<s>", "</s>"].map(str::to_owned).to_vec();
    tokens.extend(alphabet().into_iter().map(String::from));
    add("tokenizer.ggml.model", 8, &of_text("gpt2"));
    add("tokenizer.ggml.pre", 8, &of_text(pre));
    add("tokenizer.ggml.tokens", 9, &of_texts(&tokens));
    add("tokenizer.ggml.merges", 9, &of_texts(&[]));
    let tensors: [(&str, &[usize]); 11] = [
        ("token_embd.weight", &[259, 32]),
        ("output_norm.weight", &[32]),
        ("blk.0.attn_norm.weight", &[32]),
        ("blk.0.ffn_norm.weight", &[32]),
        ("blk.0.attn_q.weight", &[32, 32]),
        ("blk.0.attn_k.weight", &[32, 32]),
        ("blk.0.attn_v.weight", &[32, 32]),
        ("blk.0.attn_output.weight", &[32, 32]),
        ("blk.0.ffn_gate.weight", &[32, 32]),
        ("blk.0.ffn_up.weight", &[32, 32]),
        ("blk.0.ffn_down.weight", &[32, 32]),
    ];
    out.extend(b"GGUF");
    out.extend(3_u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend(n_values.to_le_bytes());
    out.extend(values);
    let mut data: Vec<u8> = Vec::new();
    for (name, shape) in tensors {
        text(&mut out, name);
        out.extend((shape.len() as u32).to_le_bytes());
        for size in shape.iter().rev() {
            out.extend((*size as u64).to_le_bytes());
        }
        out.extend(encoding.to_le_bytes());
        out.extend((data.len() as u64).to_le_bytes());
        data.extend(numbers(name, shape).into_iter().flat_map(f32::to_le_bytes));
    }
    out.resize(out.len().next_multiple_of(32), 0);
    out.extend(data);
    std::fs::write(path, out).unwrap();
}
