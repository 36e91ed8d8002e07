//! The five lines of the README: every GPU of this machine and its partitions.

use gpu_accounting::Node;

fn main() {
    for device in Node::discover().inventory().devices() {
        println!("{}  {}  {}", device.name, device.memory_total, device.pci);
        for part in device.partitions() {
            println!("  {}  {}", part.profile, part.memory_total);
        }
    }
}
