fn main() {
    println!("{:?}", tch::Tensor::from_slice(&[1f32]).to_string(10));
}
