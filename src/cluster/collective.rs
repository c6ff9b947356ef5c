//! Times of collectives on two tiers: the scale-up link inside a domain, the network between.
//!
//! Ring and logarithmic forms as NCCL and PAT use them; the quickest is taken, as NCCL does. Sizes
//! are the full gathered bytes of one group, times are seconds.

/// One tier: seconds per hop, bytes per second and accelerator in one direction.
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
    /// The scale-up link.
    pub up: Link,
    /// The network.
    pub out: Link,
    /// Accelerators below the oversubscribed tier (infinite where there is none).
    pub pod: f64,
    /// Bandwidth asked for over bandwidth there is, above the pod.
    pub oversubscription: f64,
    /// Seconds that any collective costs to start.
    pub base: f64,
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

impl Fabric {
    /// Bytes per second and rank that a ring over `group` moves. A group with several ranks in a
    /// domain uses all their network ports; above the pod the network is shared.
    fn ring_bandwidth(&self, group: Group) -> f64 {
        let local = group.local(self);
        if local >= group.size {
            return self.up.bandwidth;
        }
        let span = group.size * group.stride;
        let shared = if span > self.pod { self.oversubscription } else { 1.0 };
        let out = local * self.out.bandwidth / shared;
        if local > 1.0 { out.min(self.up.bandwidth) } else { out }
    }

    /// All-gather or reduce-scatter of `bytes` (the full gathered size) over `group`:
    /// base + steps · latency + (n-1)/n · bytes / bandwidth, the fewer of ring and logarithmic steps.
    pub fn all_gather(&self, group: Group, bytes: f64) -> f64 {
        if group.size <= 1.0 || bytes <= 0.0 {
            return 0.0;
        }
        let local = group.local(self);
        let domains = (group.size / local).ceil();
        let inside = (local - 1.0) * self.up.latency;
        let between = (domains - 1.0).min(2.0 * domains.log2().ceil()) * self.out.latency;
        self.base + inside + between + (group.size - 1.0) / group.size * bytes / self.ring_bandwidth(group)
    }

    /// All-reduce of `bytes` over `group`: reduce-scatter, then all-gather.
    pub fn all_reduce(&self, group: Group, bytes: f64) -> f64 {
        if group.size <= 1.0 {
            return 0.0;
        }
        2.0 * self.all_gather(group, bytes) - self.base
    }

    /// All-to-all in which each rank of `group` sends `bytes` in all, spread evenly over the others.
    pub fn all_to_all(&self, group: Group, bytes: f64) -> f64 {
        if group.size <= 1.0 || bytes <= 0.0 {
            return 0.0;
        }
        let local = group.local(self);
        let inside = bytes * (local - 1.0) / group.size / self.up.bandwidth;
        let span = group.size * group.stride;
        let shared = if span > self.pod { self.oversubscription } else { 1.0 };
        let between = bytes * (group.size - local) / group.size / (self.out.bandwidth / shared);
        let hop = if local >= group.size { self.up.latency } else { self.out.latency };
        self.base + hop * group.size.log2().ceil() + inside.max(between)
    }

    /// One message of `bytes` to a rank `stride` accelerators away.
    pub fn send(&self, stride: f64, bytes: f64) -> f64 {
        let link = if stride < self.domain { self.up } else { self.out };
        link.latency + bytes / link.bandwidth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FABRIC: Fabric = Fabric {
        domain: 8.0,
        up: Link { latency: 1e-6, bandwidth: 450e9 },
        out: Link { latency: 1e-5, bandwidth: 50e9 },
        pod: f64::INFINITY,
        oversubscription: 1.0,
        base: 0.0,
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
    fn latency_grows_with_the_group_but_not_linearly_at_scale() {
        let time = |size| FABRIC.all_gather(Group { size, stride: 8.0 }, 1.0);
        assert!(time(64.0) > time(8.0));
        assert!(time(37_500.0) < 40.0 * 1e-5, "{}", time(37_500.0));
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
