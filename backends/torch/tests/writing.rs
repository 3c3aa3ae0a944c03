//! Checkpoints are written, and what is read again is the same.

use std::collections::BTreeMap;
use std::path::Path;

use backend_torch::checkpoint::{
    Array, Checkpoint, Existing, Format, TensorSource, write_directory,
};
use backend_torch::parameters::Parameters;
use backend_torch::tokenizer::Tokenizer;
use backend_torch::{llama, t5};
use harness::prompt::Prompt;
use tch::{Device, Kind};

use crate::bad_checkpoints::write_gguf;
use crate::fixture::{golden, write};

fn arrays(checkpoint: &Checkpoint) -> BTreeMap<String, Array> {
    let shapes = checkpoint.tensors.shapes();
    let read = |(name, shape): (String, Vec<usize>)| {
        let array = checkpoint.tensors.take(&name, &shape).unwrap();
        (name, array)
    };
    shapes.into_iter().map(read).collect()
}

fn ids(checkpoint: &Checkpoint) -> Vec<u32> {
    let tokenizer = Tokenizer::load(&checkpoint.tokenizer, &checkpoint.config).unwrap();
    let text = "def f(x):\n\treturn  'é'\n<s>";
    tokenizer
        .encode_prompt(&Prompt::Text(text.to_owned()))
        .unwrap()
}

fn same(written: &Path, original: &Checkpoint) {
    let again = Checkpoint::open(written).unwrap();
    assert_eq!(again.format, Format::Safetensors);
    assert_eq!(again.config, original.config);
    assert_eq!(ids(&again), ids(original));
    assert!(arrays(&again) == arrays(original), "the same tensors");
}

/// All variants that are compared with `transformers`, T5, Llama and Qwen2 among them.
#[test]
fn what_is_written_is_read_again() {
    for case in golden().cases {
        let folder = tempfile::tempdir().unwrap();
        write(&case, folder.path());
        let original = Checkpoint::open(folder.path()).unwrap();
        let copy = folder.path().join("nested/copy");
        write_directory(
            &copy,
            &original.config,
            &original.tensors,
            &original.tokenizer,
            Existing::Keep,
        )
        .unwrap();
        same(&copy, &original);
        let left: Vec<_> = std::fs::read_dir(copy.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{}: nothing is left beside it", case.name);
    }
}

#[test]
fn a_gguf_file_becomes_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    write_gguf(&file, "smollm", 0);
    let original = Checkpoint::open(&file).unwrap();
    let copy = folder.path().join("copy");
    write_directory(
        &copy,
        &original.config,
        &arrays(&original),
        &original.tokenizer,
        Existing::Keep,
    )
    .unwrap();
    same(&copy, &original);
}

#[test]
fn weights_of_a_model_are_written_as_they_are() {
    for case in crate::fixture::families() {
        let folder = tempfile::tempdir().unwrap();
        write(&case, folder.path());
        let original = Checkpoint::open(folder.path()).unwrap();
        let mut parameters = Parameters::new(Device::Cpu, Kind::Float);
        load(&original, &mut parameters);
        parameters.require_gradients();
        let copy = folder.path().join("copy");
        let (config, tokenizer) = (&original.config, &original.tokenizer);
        write_directory(&copy, config, &parameters, tokenizer, Existing::Keep).unwrap();
        same(&copy, &original);
    }
}

pub(crate) fn load(checkpoint: &Checkpoint, parameters: &mut Parameters) {
    use backend_torch::checkpoint::Config;
    match &checkpoint.config {
        Config::T5(config) => {
            t5::T5::load(config, &checkpoint.tensors, parameters).unwrap();
        }
        Config::Llama(config) => {
            llama::Llama::load(config, &checkpoint.tensors, parameters).unwrap();
        }
    }
}

#[test]
fn a_folder_is_replaced_only_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let case = crate::fixture::case("t5 relu tied");
    write(&case, folder.path());
    let original = Checkpoint::open(folder.path()).unwrap();
    let copy = folder.path().join("copy");
    let write = |existing| {
        let (config, tensors) = (&original.config, &original.tensors);
        write_directory(&copy, config, tensors, &original.tokenizer, existing)
    };
    std::fs::create_dir(&copy).unwrap();
    write(Existing::Keep).expect("an empty folder is used");
    std::fs::write(copy.join("notes.txt"), "mine").unwrap();
    let error = write(Existing::Keep).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    assert!(copy.join("notes.txt").is_file());
    write(Existing::Replace).unwrap();
    assert!(!copy.join("notes.txt").exists());
    same(&copy, &original);
}
