//! Schedules, offload, exchanges and sharding against closed forms derived by hand.

use super::*;
use crate::job::{LAYOUT, Offload, Recompute, Schedule};
use crate::project::Catalog;
use crate::project::validate::{Case, read_table_text};

/// A GPT of 32 layers on H100s in boxes of eight, under `layout`; constants that hide nothing, hold
/// nothing up and cost nothing at scale.
fn case(layout: &Layout) -> (Case, Constants) {
    let catalog = Catalog::built_in().unwrap();
    let text = format!(
        "accelerator,accel_per_node,n_accel,seq_len,global_batch,layers,hidden,heads,vocab,year,tp,pp\n\
         H100,8,{},4096,512,32,4096,32,1024,2024,{},{}\n",
        layout.accelerators(),
        layout.tensor,
        layout.pipeline
    );
    let case = Case::new(&catalog, &read_table_text(&text, "t").unwrap().remove(0)).unwrap();
    let free = Constants {
        data_overlap: 0.0,
        overlap_slowdown: 1.0,
        launch: 0.0,
        scale_factor: 1.0,
        multi_node: 1.0,
        step_fixed: 0.0,
        ..catalog.constants.medians()
    };
    (case, free)
}

fn parts(layout: Layout) -> (StepModel, Layer, Fabric, Step, Constants) {
    let (case, c) = case(&layout);
    layout.check(&case.job, &case.run).unwrap();
    let model = StepModel::new(&case.job, &case.run, &layout, &case.machine, None);
    let fabric = case.machine.fabric(&c);
    let layer = model.layer(&case.machine, &fabric, &c, 1.0);
    let step = model.time(&case.machine, &c, 1.0);
    (model, layer, fabric, step, c)
}

fn close(a: f64, b: f64) {
    assert!((a / b - 1.0).abs() < 1e-9, "{a} against {b}");
}

const STAGED: Layout = Layout { tensor: 1, pipeline: 8, data: 8, expert: 1, ..LAYOUT };

#[test]
fn a_zero_bubble_pipeline_waits_less_by_twice_the_weights_gradients_of_the_other_stages() {
    let plain = parts(STAGED);
    let zero = parts(Layout { schedule: Schedule::ZeroBubble, ..STAGED });
    // (p − 1)(F + B + W) against (p − 1)(F + B − W), four layers to a stage (arXiv 2401.10241).
    close(plain.3.bubble - zero.3.bubble, 2.0 * 7.0 * 4.0 * plain.1.computing.weights);
    close(plain.3.compute, zero.3.compute);
}

#[test]
fn dualpipe_waits_as_its_table_says() {
    let plain = parts(STAGED);
    let dual = parts(Layout { schedule: Schedule::DualPipe, ..STAGED });
    let (work, fabric) = (&dual.1.computing, &dual.2);
    // (p/2 − 1)(F&B + B − 3W) with F&B = F + B (arXiv 2412.19437, table 2), and the sends of both ways.
    let stage = 4.0 * (work.forward + 2.0 * work.backward - 3.0 * work.weights);
    let sends = (2.0 * 7.0 + 2.0 * 64.0) * fabric.send(8.0, 2.0 * 4096.0 * 4096.0);
    close(dual.3.bubble, 3.0 * stage + sends);
    assert!(dual.3.bubble < plain.3.bubble);
}

#[test]
fn passes_of_dualpipe_are_as_long_as_what_waits_in_them() {
    let layout = Layout { tensor: 8, data: 1, ..STAGED };
    let (_, layer, fabric, step, _) = parts(Layout { schedule: Schedule::DualPipe, ..layout });
    let work = &layer.computing;
    // Two gathers forward and three backward, with what sequence parallelism scattered gathered again.
    let waits = 1.0 + 5.0 * layer.gather / (work.forward + work.backward);
    let stage = 4.0 * (waits * (work.forward + 2.0 * work.backward) - 3.0 * work.weights);
    let boundary = fabric.send(8.0, layer.boundary_bytes) + layer.boundary_gather;
    assert!(layer.gather > 0.0, "tensor ranks that hide everything test nothing");
    close(step.bubble, 3.0 * stage + (2.0 * 7.0 + 2.0 * 512.0) * boundary);
}

#[test]
fn what_is_computed_again_is_exchanged_again() {
    let catalog = Catalog::built_in().unwrap();
    let (job, c) = (catalog.job("deepseek-v3").unwrap(), catalog.constants.medians());
    let run = Run { sequence: 16_384.0, batch: 1024.0, stack: Stack::Fused, causal: 0.5 };
    let machine = case(&STAGED).0.machine;
    let time = |layout: Layout| StepModel::new(job, &run, &layout, &machine, None).time(&machine, &c, 1.0);
    let layout = Layout { pipeline: 1, data: 64, expert: 64, ..STAGED };
    let [none, half, full] = [Recompute::None, Recompute::Half, Recompute::Full]
        .map(|recompute| time(Layout { recompute, ..layout }).expert);
    // Dispatch and combine forward are half of all four; the output layer, which has none, is a little of a step.
    let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 0.03, "{a} against {b}");
    near(full, 1.5 * none);
    near(half, 1.25 * none);
    let layout = Layout { context: 2, data: 32, expert: 1, ..layout };
    for (exchange, more) in [(ContextExchange::Ring, 1.0 / 3.0), (ContextExchange::AllToAll, 0.5)] {
        let of = |recompute| time(Layout { recompute, context_exchange: exchange, ..layout }).tensor;
        near(of(Recompute::Full), (1.0 + more) * of(Recompute::None));
    }
}

#[test]
fn an_optimizer_on_the_host_takes_its_link_and_its_memory() {
    let layout = Layout { pipeline: 1, data: 64, ..STAGED };
    let (model, layer, _, step, c) = parts(Layout { offload: Offload::Optimizer, ..layout });
    let params = model.work.dense_params / 64.0;
    close(step.optimizer, params * (4.0 / layer.computing.host_link + c.optimizer_bytes / c.host_memory));
    let device = parts(layout);
    close(device.3.optimizer, c.optimizer_bytes * params / device.1.computing.bandwidth);
}

#[test]
fn activations_on_the_host_cost_what_the_passes_do_not_hide() {
    let layout = Layout { pipeline: 1, data: 64, ..STAGED };
    let (model, layer, _, step, _) = parts(Layout { offload: Offload::Activations, ..layout });
    let travel = model.activations / layer.computing.host_link;
    let waits = (travel - layer.computing.forward).max(0.0) + (travel - layer.computing.backward).max(0.0);
    assert!(waits > 0.0, "a link of the host that hides nothing tests nothing");
    close(step.total - parts(layout).3.total, 8.0 * 32.0 * waits);
}

#[test]
fn ulysses_exchanges_queries_keys_values_and_results_both_ways() {
    let layout = Layout { pipeline: 1, data: 16, context: 4, context_exchange: ContextExchange::AllToAll, ..STAGED };
    let (_, layer, fabric, ..) = parts(layout);
    // 1,024 tokens to a rank; 4 · 4096 elements of q, k, v and o in 16 bits, forward in two exchanges.
    let both = 1024.0 * 4.0 * 4096.0 * 2.0;
    close(layer.context, 4.0 * fabric.all_to_all(Group { size: 4.0, stride: 1.0 }, both / 2.0));
    // In a box of eight each of four ranks keeps a quarter.
    let wide = fabric.exchange.seconds(4.0, 0.75 * both / 2.0);
    close(layer.context, 4.0 * wide);
}

#[test]
fn hybrid_sharding_gathers_in_the_box_and_sums_shards_across_boxes_once() {
    let layout = Layout { pipeline: 1, data: 64, zero: 3, shard: 8, ..STAGED };
    let (model, _, fabric, step, _) = parts(layout);
    let params = model.work.dense_params;
    let inside = Group { size: 8.0, stride: 1.0 };
    // Gathered forward and backward, reduced, 16 bits each, and a start per layer; nothing is hidden.
    let once = 3.0 * fabric.all_gather(inside, 2.0 * params) + 3.0 * 32.0 * fabric.all_gather(inside, 1.0);
    let across = fabric.all_reduce(Group { size: 8.0, stride: 8.0 }, 2.0 * params / 8.0);
    close(step.data, 8.0 * once + across);
    // Sharding over all crosses the network with everything, every microbatch.
    assert!(parts(Layout { shard: 0, ..layout }).3.data > step.data);
}

#[test]
fn a_stage_before_2023_sends_shares_and_gathers_them_in_the_box() {
    let (case, c) = case(&Layout { tensor: 8, data: 1, ..STAGED });
    let run = Run { stack: Stack::Early, ..case.run };
    let layout = Layout { tensor: 8, data: 1, sequence_parallel: false, ..STAGED };
    let model = StepModel::new(&case.job, &run, &layout, &case.machine, None);
    let fabric = case.machine.fabric(&c);
    let layer = model.layer(&case.machine, &fabric, &c, 1.0);
    let whole = 2.0 * 4096.0 * 4096.0;
    close(layer.boundary_bytes, whole / 8.0);
    close(layer.boundary_gather, fabric.all_gather(Group { size: 8.0, stride: 1.0 }, whole));
}
