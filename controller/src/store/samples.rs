//! stub
use std::path::{Path,PathBuf};
use rpycbench_measure::Samples;
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct SamplesError;
pub struct CellKey{pub topology:String,pub server:String,pub workload:String,pub driver:String,pub block:u32}
pub struct SamplesWriter(PathBuf,u64);
impl SamplesWriter{ pub fn create(p:&Path,_k:CellKey)->Result<Self,SamplesError>{Ok(Self(p.to_owned(),0))}
 pub fn append(&mut self,s:&Samples,_e:i64)->Result<(),SamplesError>{self.1+=s.len() as u64;Ok(())}
 pub fn finish(self)->Result<u64,SamplesError>{Ok(self.1)} }
