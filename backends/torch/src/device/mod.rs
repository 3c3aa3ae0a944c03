//! Decoding by libtorch, for GPUs: the same models, and one product for all rows.
//!
//! Rows of one prompt share its keys and values, which are read once for all of them; what rows
//! generated lies in one tensor for each layer, a slot for each row.
//!
//! Unlike with `cpu`, products of libtorch round otherwise for another number of rows. The same
//! requests in the same order give the same candidates on one device; a candidate alone may differ
//! from the same candidate among others.

mod batch;
mod groups;
mod model;
mod slab;

use harness::training::{Device as DeviceSetting, Precision};
use tch::{Device, Kind};

use crate::error::{Error, Result};

pub use model::DeviceModel;
pub(crate) use model::DevicePrompt;
pub use slab::Slot;

/// The device that a setting names.
///
/// # Errors
/// No such device here.
pub fn find(setting: DeviceSetting) -> Result<Device> {
    match setting {
        DeviceSetting::Cpu => Ok(Device::Cpu),
        DeviceSetting::Cuda if tch::Cuda::is_available() => Ok(Device::Cuda(0)),
        DeviceSetting::Cuda => Err(Error::request(
            "device `cuda` was asked for, and libtorch finds none: on a machine with a GPU build the \
             engine by `make torch CUDA=1`, elsewhere use `cpu`",
        )),
    }
}

/// The element type of products.
pub fn kind(precision: Precision) -> Kind {
    match precision {
        Precision::Float32 => Kind::Float,
        Precision::Bfloat16 => Kind::BFloat16,
    }
}
