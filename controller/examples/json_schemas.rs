//! Writes the JSON Schemas of docs/: `cargo run -p rpycbench-controller --example json_schemas`, from the root.

use std::io;

use rpycbench_controller::export::schema;

fn main() -> io::Result<()> {
    for (name, schema) in [("results", schema::results()), ("compare", schema::comparison())] {
        std::fs::write(format!("docs/{name}.schema.json"), serde_json::to_string_pretty(&schema)? + "\n")?;
    }
    Ok(())
}
