//! Times of collectives on two tiers: the scale-up link inside a domain, the network between.
//!
//! What was measured on the fabric itself ([`Local`]) goes before all that follows.
//! Inside a domain as measured ([`Protocols`]); over the network by ring, by tree or by reduction in
//! the switches, whichever is quickest, as NCCL does. Groups that run beside each other in a domain
//! share its network ports: a rank has its own. Sizes are the full gathered bytes of one group, times
//! are seconds.

use super::measured::{Local, Op};
use super::timing::Protocols;

/// The network: seconds per hop, bytes per second and accelerator in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Seconds that one step of a collective costs beyond its bytes.
    pub latency: f64,
    /// Bytes per second, accelerator and direction that large transfers reach.
    pub bandwidth: f64,
}

/// The two tiers that a job runs on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fabric {
    /// Accelerators that share the scale-up link.
    pub domain: f64,
    /// All-reduce inside a domain.
    pub all_reduce: Protocols,
    /// All-gather or reduce-scatter inside a domain.
    pub gather: Protocols,
    /// All-to-all inside a domain.
    pub exchange: Protocols,
    /// All-reduce of whole boxes by a tree through the switches, per byte of the box's network.
    pub between: Protocols,
    /// The network.
    pub out: Link,
    /// Accelerators below the oversubscribed tier (infinite where there is none).
    pub pod: f64,
    /// Bandwidth asked for over bandwidth there is, above the pod.
    pub oversubscription: f64,
    /// What was measured on it, which stands for all of the above where it reaches.
    pub measured: Option<Local>,
}

/// A group of `size` ranks whose neighbours are `stride` accelerators apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Ranks.
    pub size: f64,
    /// Distance of neighbours, in accelerators.
    pub stride: f64,
}

impl Group {
    /// Ranks of the group that share a scale-up domain, at least one.
    pub fn local(self, fabric: &Fabric) -> f64 {
        (fabric.domain / self.stride).floor().clamp(1.0, self.size)
    }
}

/// An exchange of tokens with experts that stand on the ranks of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchange {
    /// Bytes that a rank sends, all copies of its tokens together.
    pub bytes: f64,
    /// Copies per token.
    pub copies: f64,
    /// Most domains that the copies of a token go to; with a limit a token is sent to each domain once
    /// and copied there (arXiv 2412.19437), without one every copy travels.
    pub limit: f64,
}

impl Fabric {
    /// What a rank's group finds on the network: above the pod it is shared.
    fn network(&self, group: Group, local: f64) -> f64 {
        let shared = if group.size * group.stride > self.pod { self.oversubscription } else { 1.0 };
        local * self.out.bandwidth / shared
    }

    /// What was measured of a collective, if anything was on that tier. Tables are of neighbours that fill
    /// whole domains: a group with fewer ranks in each sends as much through each port as a full one
    /// with as many times the bytes.
    fn measured(&self, op: Op, group: Group, local: f64, bytes: f64) -> Option<f64> {
        let table = self.measured?;
        if local >= group.size {
            return table.inside(op, group.size, bytes);
        }
        let shared =
            if group.size * group.stride > self.pod && table.most() <= self.pod { self.oversubscription } else { 1.0 };
        // In an all-to-all each rank has bytes of its own, whoever is beside it.
        let ports = if op == Op::Exchange { 1.0 } else { (table.domain() / local).max(1.0) };
        table.between(op, (group.size / local).ceil() * table.domain(), bytes * ports * shared)
    }

    /// Steps of a collective between `domains`: a ring, or a tree where that is shorter.
    fn steps(domains: f64) -> f64 {
        (domains - 1.0).min(2.0 * domains.log2().ceil())
    }

    /// All-gather or reduce-scatter of `bytes` (the full gathered size) over `group`: in a ring each
    /// rank passes (n-1)/n of them on.
    pub fn all_gather(&self, group: Group, bytes: f64) -> f64 {
        if group.size <= 1.0 || bytes <= 0.0 {
            return 0.0;
        }
        let local = group.local(self);
        if let Some(seconds) = self.measured(Op::Gather, group, local, bytes) {
            return seconds;
        }
        let moved = (group.size - 1.0) / group.size * bytes;
        if local >= group.size {
            return self.gather.seconds(group.size, moved);
        }
        let hops = Fabric::steps((group.size / local).ceil()) * self.out.latency;
        let network = self.network(group, local);
        // Where no two ranks share a domain no link of it is on the way: the network alone bounds.
        let gather =
            if local > 1.0 { self.gather } else { self.gather.scaled(network / self.gather.ways[2].bandwidth, 1.0) };
        gather.through(local, moved, network, hops)
    }

    /// All-reduce of `bytes` over `group`: as measured inside a domain; beyond it the quicker of
    /// reduce-scatter and all-gather in a ring and of a tree through the switches.
    pub fn all_reduce(&self, group: Group, bytes: f64) -> f64 {
        if group.size <= 1.0 || bytes <= 0.0 {
            return 0.0;
        }
        let local = group.local(self);
        if let Some(seconds) = self.measured(Op::AllReduce, group, local, bytes) {
            return seconds;
        }
        if local >= group.size {
            return self.all_reduce.seconds(group.size, 2.0 * (group.size - 1.0) / group.size * bytes);
        }
        let ring = 2.0 * self.all_gather(group, bytes);
        let levels = (group.size / local).log2().max(1.0);
        let tree = self.between.scaled(self.network(group, local), 1.0).seconds(levels, 2.0 * bytes);
        ring.min(tree)
    }

    /// All-to-all in which each rank of `group` sends `bytes` in all, spread evenly over the others.
    pub fn all_to_all(&self, group: Group, bytes: f64) -> f64 {
        self.exchange_tokens(group, &Exchange { bytes, copies: 1.0, limit: f64::INFINITY })
    }

    /// [`Fabric::all_to_all`] of tokens that go to several experts each.
    pub fn exchange_tokens(&self, group: Group, what: &Exchange) -> f64 {
        if group.size <= 1.0 || what.bytes <= 0.0 {
            return 0.0;
        }
        let local = group.local(self);
        let measured = |bytes: f64| self.measured(Op::Exchange, group, local, bytes);
        if local >= group.size {
            if let Some(seconds) = measured(what.bytes) {
                return seconds;
            }
            return self.exchange.seconds(group.size, what.bytes * (group.size - 1.0) / group.size);
        }
        let domains = group.size / local;
        // Domains that a token's copies meet, were they dealt at random.
        let met = domains * (1.0 - (1.0 - 1.0 / domains).powf(what.copies));
        let sent = if what.limit.is_finite() { met.min(what.limit) / what.copies } else { 1.0 };
        let crossing = what.bytes * sent * (1.0 - 1.0 / domains);
        // What came in for the domain is handed on inside it.
        let handed = what.bytes * if what.limit.is_finite() { 1.0 } else { 1.0 / domains };
        let inside = self.exchange.seconds(local.max(2.0), handed * (local - 1.0) / local);
        if let Some(seconds) = measured(what.bytes * sent) {
            return seconds.max(inside);
        }
        let between = crossing / self.network(Group { size: group.size, stride: group.stride }, 1.0);
        self.out.latency * group.size.log2().ceil() + self.exchange.ways[0].base + inside.max(between)
    }

    /// One message of `bytes` to a rank `stride` accelerators away.
    pub fn send(&self, stride: f64, bytes: f64) -> f64 {
        let start = self.exchange.ways[0].base;
        let pair = Group { size: 2.0, stride: if stride < self.domain { 1.0 } else { stride } };
        if self.measured.is_some()
            && let Some(seconds) = self.measured(Op::Send, pair, pair.local(self), bytes)
        {
            return seconds;
        }
        if stride < self.domain {
            start + bytes / self.gather.ways[2].bandwidth
        } else {
            start + self.out.latency + bytes / self.out.bandwidth
        }
    }

    /// Seconds that a collective costs to start, whatever it moves.
    pub fn start(&self) -> f64 {
        self.gather.ways[0].base
    }
}

#[cfg(test)]
mod tests {
    use super::super::timing::Way;
    use super::*;

    const fn plain(bandwidth: f64, hop: f64) -> Protocols {
        Protocols { ways: [Way { base: 0.0, hop, bandwidth }; 3], power: 1.0, switch: 1.0 }
    }

    const FABRIC: Fabric = Fabric {
        domain: 8.0,
        all_reduce: plain(450e9, 1e-6),
        gather: plain(450e9, 1e-6),
        exchange: plain(450e9, 1e-6),
        between: plain(0.9, 5e-5),
        out: Link { latency: 1e-5, bandwidth: 50e9 },
        pod: f64::INFINITY,
        oversubscription: 1.0,
        measured: None,
    };

    #[test]
    fn a_group_of_one_communicates_for_nothing() {
        let one = Group { size: 1.0, stride: 1.0 };
        assert_eq!(FABRIC.all_gather(one, 1e9), 0.0);
        assert_eq!(FABRIC.all_reduce(one, 1e9), 0.0);
        assert_eq!(FABRIC.all_to_all(one, 1e9), 0.0);
    }

    #[test]
    fn a_large_all_gather_inside_a_box_moves_seven_eighths_over_the_link() {
        let time = FABRIC.all_gather(Group { size: 8.0, stride: 1.0 }, 450e9);
        assert!((time - 0.875).abs() < 1e-4, "{time}");
    }

    #[test]
    fn a_group_with_one_rank_per_box_has_one_port_and_one_with_eight_has_all() {
        let one = FABRIC.all_gather(Group { size: 16.0, stride: 8.0 }, 1e12);
        let eight = FABRIC.all_gather(Group { size: 16.0, stride: 1.0 }, 1e12);
        assert!((one / eight - 8.0).abs() < 0.01, "{}", one / eight);
    }

    #[test]
    fn ranks_that_share_no_domain_are_bound_by_the_network_alone() {
        let apart = Group { size: 16.0, stride: 1.0 };
        // A box of one: what stands for its link is slower than its port.
        let lone = Fabric { domain: 1.0, gather: plain(0.64 * 50e9, 1e-6), ..FABRIC };
        let time = lone.all_gather(apart, 50e9);
        assert!((time - 15.0 / 16.0).abs() < 1e-3, "{time}");
    }

    #[test]
    fn latency_grows_with_the_group_but_not_linearly_at_scale() {
        let time = |size| FABRIC.all_gather(Group { size, stride: 8.0 }, 1.0);
        assert!(time(64.0) > time(8.0));
        assert!(time(37_500.0) < 40.0 * 1e-5, "{}", time(37_500.0));
    }

    #[test]
    fn an_all_reduce_takes_the_quicker_of_ring_and_tree() {
        let group = Group { size: 4096.0, stride: 1.0 };
        // Few bytes: the tree's thirteen levels; many: whichever moves them quicker.
        let (ring, tree) = (2.0 * FABRIC.all_gather(group, 1e3), FABRIC.all_reduce(group, 1e3));
        assert!(tree <= ring, "{tree} {ring}");
        let large = FABRIC.all_reduce(group, 1e12);
        assert!((large / (2.0 * 1e12 / 400e9) - 1.0).abs() < 0.01, "{large}");
    }

    #[test]
    fn routing_to_few_boxes_sends_a_token_to_each_once() {
        let group = Group { size: 64.0, stride: 1.0 };
        let all = Exchange { bytes: 8e9, copies: 8.0, limit: f64::INFINITY };
        assert_eq!(FABRIC.exchange_tokens(group, &all), FABRIC.all_to_all(group, 8e9));
        let (four, any) = (
            FABRIC.exchange_tokens(group, &Exchange { limit: 4.0, ..all }),
            FABRIC.exchange_tokens(group, &Exchange { limit: 1e9, ..all }),
        );
        // Eight copies over eight boxes meet 5.25 of them.
        assert!(four < any && any < FABRIC.exchange_tokens(group, &all), "{four} {any}");
        assert!((four / FABRIC.exchange_tokens(group, &all) - 0.5).abs() < 0.01);
    }

    #[test]
    fn an_oversubscribed_tier_slows_only_groups_that_span_it() {
        let narrow = Fabric { pod: 3072.0, oversubscription: 7.0, ..FABRIC };
        let (inside, across) = (Group { size: 128.0, stride: 8.0 }, Group { size: 1024.0, stride: 8.0 });
        assert_eq!(narrow.all_gather(inside, 1e9), FABRIC.all_gather(inside, 1e9));
        let ratio = narrow.all_gather(across, 1e12) / FABRIC.all_gather(across, 1e12);
        assert!((ratio - 7.0).abs() < 0.01, "{ratio}");
    }
}
