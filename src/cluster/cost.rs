//! What it costs: rented by the accelerator-hour, or owned.

use super::power::Supply;
use crate::sourced::knobs;
use crate::units::{HourPrice, Money};

knobs! {
    /// Prices of an accelerator with its share of box, network and building.
    Price, plain Priced {
        /// Rent per accelerator and hour.
        rent: HourPrice,
        /// Purchase per accelerator.
        capex: Money,
    }
    flags {}
}

/// Hours of a year.
const YEAR: f64 = 8_766.0;

impl Priced {
    /// Cost of owning one accelerator for an hour of use, without its energy: the purchase written off
    /// over the hours in which it is used, and upkeep.
    pub fn hour(&self, site: &Supply) -> f64 {
        (self.capex / site.life_years + self.capex * site.upkeep) / (YEAR * site.utilization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_an_owned_accelerator_is_its_purchase_over_the_hours_of_its_use() {
        let mut site = Supply::from_row(&[]);
        (site.life_years, site.utilization, site.upkeep) = (5.0, 0.8, 0.05);
        let price = Priced { rent: 2.0, capex: 40_000.0 };
        // 8,000 a year written off and 2,000 of upkeep over 7,013 hours.
        assert!((price.hour(&site) - 10_000.0 / (8_766.0 * 0.8)).abs() < 1e-9);
    }
}
