//! Tables of optional values over tables of defaults.

/// A table of optional values, each of which may be left to a table of defaults: the struct, how it is
/// laid over its defaults, its values by name, and those values as plain numbers.
macro_rules! knobs {
    (
        $(#[$doc:meta])* $name:ident, plain $plain:ident
        { $($(#[$field_doc:meta])* $field:ident: $dimension:ty),+ $(,)? }
        flags { $($(#[$flag_doc:meta])* $flag:ident),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$flag_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $flag: Option<bool>,)*
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")]
              pub $field: Option<$crate::sourced::Value<$dimension>>,)+
            /// Source of what has none of its own.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub provenance: Option<$crate::sourced::Stamp>,
        }

        impl $name {
            /// Names of the values, in the order of [`Self::facts`].
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field),)+];

            /// This table where it says something, `base` where it does not.
            #[must_use]
            pub fn over(&self, base: &Self) -> Self {
                $name {
                    $($flag: self.$flag.or(base.$flag),)*
                    $($field: self.$field.clone().or_else(|| base.$field.clone()),)+
                    provenance: self.provenance.clone().or_else(|| base.provenance.clone()),
                }
            }

            /// Every value, absent ones included.
            pub fn facts(&self) -> Vec<Option<$crate::sourced::Fact>> {
                vec![$(self.$field.as_ref().map($crate::sourced::Fact::from),)+]
            }
        }

        /// One draw of the values, in base units; NaN where absent.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $plain {
            $($(#[$field_doc])* pub $field: f64,)+
        }

        impl $plain {
            /// From the values in the order of the table's names.
            pub fn from_row(row: &[f64]) -> Self {
                let mut values = row.iter().copied();
                $plain { $($field: values.next().unwrap_or(f64::NAN),)+ }
            }
        }
    };
}
pub(crate) use knobs;
