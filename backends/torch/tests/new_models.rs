//! New models and tokenizers.

use std::path::Path;

use backend_torch::checkpoint::{
    Activation, Checkpoint, Config, Existing, TensorSource, TokenizerSource, write_directory,
};
use backend_torch::initial::{Architecture, InitialWeights, Preset, SpecialIds, Spread};
use backend_torch::parameters::Parameters;
use backend_torch::tokenizer::{Recipe, Tokenizer, train, vocabulary};
use harness::prompt::Prompt;
use tch::{Device, Kind};

use crate::writing::load;

const RECIPE: Recipe = Recipe {
    n_entries: 300,
    n_sentinels: 5,
    adds_end: true,
};

fn texts() -> Vec<String> {
    let programs = [
        "n = int(input())\nfor i in range(n):\n\tprint(i)\n",
        "def f(values):\n    return [value for value in values if value % 2]\n",
        "First, keep only the even numbers. Second, sort the numbers. Print the numbers.",
    ];
    programs.repeat(3).into_iter().map(str::to_owned).collect()
}

fn learn(texts: Vec<String>, recipe: Recipe, folder: &Path) -> usize {
    train(texts.into_iter(), recipe, folder).unwrap()
}

fn special() -> SpecialIds {
    SpecialIds {
        pad: Some(0),
        begin: Some(1),
        end: 2,
    }
}

fn tokenizer(folder: &Path) -> Tokenizer {
    let config = Preset::Tiny
        .sizes()
        .config(Architecture::T5, 400, &special())
        .unwrap();
    Tokenizer::load(&TokenizerSource::Directory(folder.to_owned()), &config).unwrap()
}

#[test]
fn text_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(learn(texts(), RECIPE, folder.path()), 305);
    let tokenizer = tokenizer(folder.path());
    for text in [
        "",
        " ",
        "\n",
        "\t\tif x:\n\t\t\ty\r\n\r\n",
        "  two  spaces   three \n    four\n ",
        "tab\tand é, 世界 🙂\u{0}\u{7f}",
        "don't  't\u{a0}\u{2003}x",
        &texts().concat(),
    ] {
        let prompt = Prompt::Text(text.to_owned());
        let ids = tokenizer.encode_prompt(&prompt).unwrap();
        assert_eq!(tokenizer.decode(&ids), text);
        assert_eq!(ids, tokenizer.encode_prompt(&prompt).unwrap());
        assert_eq!((ids[0], ids[ids.len() - 1]), (1, 2), "<s> … </s>");
        let (completion, ends) = tokenizer.encode_completion(text).unwrap();
        assert_eq!(completion, ids[..ids.len() - 1]);
        assert_eq!(ends.last().copied(), Some(text.len() as u32));
    }
}

#[test]
fn special_tokens_have_the_ids_of_codet5() {
    let folder = tempfile::tempdir().unwrap();
    learn(texts(), RECIPE, folder.path());
    let ids = vocabulary(&TokenizerSource::Directory(folder.path().to_owned())).unwrap();
    let check = |token: &str, id: u32| assert_eq!(ids[token], id, "{token}");
    check("<pad>", 0);
    check("<s>", 1);
    check("</s>", 2);
    check("<unk>", 3);
    check("<extra_id_0>", 304);
    check("<extra_id_4>", 300);
    // A decoder's prompt does not end.
    let recipe = Recipe {
        n_sentinels: 0,
        adds_end: false,
        ..RECIPE
    };
    learn(texts(), recipe, folder.path());
    let prompt = Prompt::Text("for".to_owned());
    let ids = tokenizer(folder.path()).encode_prompt(&prompt).unwrap();
    assert_eq!(ids[0], 1);
    assert_ne!(ids[ids.len() - 1], 2);
}

#[test]
fn the_same_texts_give_the_same_tokenizer() {
    let files = |texts: Vec<String>| {
        let folder = tempfile::tempdir().unwrap();
        learn(texts, RECIPE, folder.path());
        ["tokenizer.json", "tokenizer_config.json"]
            .map(|name| std::fs::read(folder.path().join(name)).unwrap())
    };
    let first = files(texts());
    for _ in 0..5 {
        assert!(files(texts()) == first);
    }
    let mut reversed = texts();
    reversed.reverse();
    assert!(
        files(reversed) == first,
        "the order of texts does not matter"
    );
}

#[test]
fn a_vocabulary_has_room_for_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        n_entries: 259,
        ..RECIPE
    };
    let error = train(texts().into_iter(), recipe, folder.path()).unwrap_err();
    assert!(error.to_string().contains("take 260"), "{error}");
}

fn configs() -> Vec<Config> {
    let tiny = Preset::Tiny.sizes();
    let gated = backend_torch::initial::Sizes {
        activation: Activation::GatedGelu,
        tied: false,
        n_decoder_layers: 3,
        ..tiny
    };
    let grouped = backend_torch::initial::Sizes {
        n_kv_heads: 2,
        tied: false,
        ..tiny
    };
    [
        (tiny, Architecture::T5),
        (gated, Architecture::T5),
        (tiny, Architecture::Llama),
        (grouped, Architecture::Llama),
    ]
    .map(|(sizes, architecture)| sizes.config(architecture, 305, &special()).unwrap())
    .to_vec()
}

#[test]
fn new_models_have_the_tensors_of_their_architecture() {
    let folder = tempfile::tempdir().unwrap();
    learn(texts(), RECIPE, folder.path());
    let tokenizer = TokenizerSource::Directory(folder.path().to_owned());
    for (index, config) in configs().into_iter().enumerate() {
        let model = folder.path().join(format!("model-{index}"));
        let weights = InitialWeights::new(&config, 1, Spread { embedding: None });
        write_directory(&model, &config, &weights, &tokenizer, Existing::Keep).unwrap();
        let checkpoint = Checkpoint::open(&model).unwrap();
        assert_eq!(checkpoint.config, config);
        // Refuses tensors that are missing, left over, or of another shape.
        load(&checkpoint, &mut Parameters::new(Device::Cpu, Kind::Float));
    }
}

#[test]
fn weights_are_spread_as_in_the_reference() {
    let config = &configs()[0];
    let weights = InitialWeights::new(config, 1, Spread { embedding: None });
    // D = 128, K = 32, H = 4, d_ff = 384.
    let attention = "encoder.block.1.layer.0.SelfAttention";
    let feed_forward = "decoder.block.0.layer.2.DenseReluDense";
    let bias = "decoder.block.0.layer.0.SelfAttention.relative_attention_bias";
    for (name, expected) in [
        ("shared".to_owned(), 1.0),
        (format!("{attention}.q"), 1.0 / 64.0),
        (format!("{attention}.k"), 0.08839),
        (format!("{attention}.v"), 0.08839),
        (format!("{attention}.o"), 0.08839),
        (format!("{feed_forward}.wi"), 0.08839),
        (format!("{feed_forward}.wo"), 0.05103),
        (bias.to_owned(), 0.08839),
    ] {
        let data = weights.read(&format!("{name}.weight")).unwrap();
        let n = data.len() as f64;
        let squares: f64 = data.iter().map(|it| f64::from(*it).powi(2)).sum();
        let deviation = (squares / n).sqrt();
        // Six standard deviations of the estimate.
        let off = (deviation / expected - 1.0).abs();
        assert!(
            off < 6.0 / (2.0 * n).sqrt(),
            "{name}: {deviation}, not {expected}"
        );
    }
    let norm = weights.read("encoder.final_layer_norm.weight").unwrap();
    assert!(norm.iter().all(|it| *it == 1.0));
    let spread = Spread {
        embedding: Some(0.5),
    };
    let narrow = InitialWeights::new(config, 1, spread);
    let first = |weights: &InitialWeights| weights.read("shared.weight").unwrap()[0];
    assert_eq!(first(&narrow), 0.5 * first(&weights));
}

#[test]
fn a_seed_gives_the_same_weights() {
    let config = &configs()[0];
    let read = |seed, name: &str| {
        let weights = InitialWeights::new(config, seed, Spread { embedding: None });
        weights.read(name).unwrap()
    };
    let query = "encoder.block.0.layer.0.SelfAttention.k.weight";
    let value = "encoder.block.0.layer.0.SelfAttention.v.weight";
    assert_eq!(read(1, query), read(1, query));
    assert_ne!(read(1, query), read(2, query));
    assert_ne!(read(1, query), read(1, value));
}
