//! The forward passes on tensors can be trained.

use backend_torch::checkpoint::{Checkpoint, Config};
use backend_torch::layers::Mode;
use backend_torch::llama::Llama;
use backend_torch::parameters::Parameters;
use backend_torch::t5::T5;
use tch::{Device, Kind, Tensor};

use crate::fixture::{families, random_numbers, write};

#[test]
fn every_weight_has_a_gradient_and_a_step_along_it_helps() {
    let _guard = random_numbers();
    for case in families() {
        let folder = tempfile::tempdir().unwrap();
        write(&case, folder.path());
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        let mut parameters = Parameters::new(Device::Cpu, Kind::Float);
        let tokens = Tensor::from_slice(&[5_i64, 9, 40, 7, 13, 80]).view([2, 3]);
        let labels = Tensor::from_slice(&[9_i64, 40, 2, 13, 80, 2]);
        let forward: Box<dyn Fn() -> Tensor> = match &checkpoint.config {
            Config::T5(config) => {
                let model = T5::load(config, &checkpoint.tensors, &mut parameters).unwrap();
                Box::new(move || {
                    let states = model.encode(&tokens, None, Mode::Evaluate);
                    model.logits(&model.decode(&tokens, None, &states, None, Mode::Train))
                })
            }
            Config::Llama(config) => {
                let model = Llama::load(config, &checkpoint.tensors, &mut parameters).unwrap();
                Box::new(move || model.logits(&model.forward(&tokens, None)))
            }
        };
        parameters.require_gradients();
        let loss = || {
            // Dropout draws the same numbers each time.
            tch::manual_seed(0);
            forward().view([6, -1]).cross_entropy_for_logits(&labels)
        };
        let before = loss();
        before.backward();
        for (name, tensor) in parameters.iter() {
            let gradient = tensor.grad();
            assert!(gradient.defined(), "{}: {name}", case.name);
            assert!(gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0);
        }
        tch::no_grad(|| {
            for (_, tensor) in parameters.iter() {
                let mut tensor = tensor.shallow_clone();
                let step = tensor.grad() * 0.05;
                let _ = tensor.g_sub_(&step);
            }
        });
        assert!(loss().double_value(&[]) < before.double_value(&[]));
    }
}
