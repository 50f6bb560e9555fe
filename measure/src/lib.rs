//! what a measurement is: values in, values out
