//! The one macro of this room: a JSON object of the schema as a Rust struct.

/// Declares an object of the schema: public fields, a constructor for the required members, one `with_*` setter
/// for each optional one, and `extra` for the members that the schema leaves open.
///
/// `pub struct` is any object, `pub result` the result of a request (its `resultType` is written by whoever frames the
/// result, so it is not kept among `extra`), `pub cacheable result` a result that carries [`CacheHints`](super::CacheHints).
macro_rules! object {
    ($(#[$attribute:meta])* pub struct $name:ident $body:tt) => {
        object!(@build [$(#[$attribute])*] [flatten] [] $name $body);
    };
    ($(#[$attribute:meta])* pub result $name:ident $body:tt) => {
        object!(@build [$(#[$attribute])*]
            [flatten, deserialize_with = "crate::protocol::result::extra_members"] [] $name $body);
    };
    ($(#[$attribute:meta])* pub cacheable result $name:ident $body:tt) => {
        object!(@build [$(#[$attribute])*]
            [flatten, deserialize_with = "crate::protocol::result::extra_members"]
            [
                /// How long and for whom the result may be cached (since 2026-07-28, where it is required).
                #[serde(flatten, deserialize_with = "crate::protocol::result::cache_hints")]
                cache: crate::protocol::CacheHints => with_cache,
            ]
            $name $body);
    };
    (@build [$(#[$attribute:meta])*] [$($flatten:tt)*]
        [$($(#[$cache_attribute:meta])* $cache:ident: $cache_type:ty => $cache_setter:ident,)?]
        $name:ident {
            $(required {
                $($(#[$required_attribute:meta])* $required:ident: $required_type:ty,)*
            })?
            $(optional {
                $($(#[$optional_attribute:meta])* $optional:ident: $optional_type:ty => $setter:ident,)*
            })?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub struct $name {
            $($($(#[$required_attribute])* pub $required: $required_type,)*)?
            $($(
                $(#[$optional_attribute])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$optional_type>,
            )*)?
            $($(#[$cache_attribute])* pub $cache: Option<$cache_type>,)?
            /// Members that this crate does not know, kept as they came.
            #[serde($($flatten)*)]
            pub extra: serde_json::Map<String, serde_json::Value>,
        }

        impl $name {
            /// Builds one from its required members; the optional ones are absent until set.
            #[must_use]
            pub fn new($($($required: impl Into<$required_type>),*)?) -> Self {
                Self {
                    $($($required: $required.into(),)*)?
                    $($($optional: None,)*)?
                    $($cache: None,)?
                    extra: serde_json::Map::new(),
                }
            }

            $($(
                #[doc = concat!("Sets the optional member [`", stringify!($optional), "`](Self::", stringify!($optional), ").")]
                #[must_use]
                pub fn $setter(mut self, $optional: impl Into<$optional_type>) -> Self {
                    self.$optional = Some($optional.into());
                    self
                }
            )*)?
            $(
                #[doc = concat!("Sets the optional member [`", stringify!($cache), "`](Self::", stringify!($cache), ").")]
                #[must_use]
                pub fn $cache_setter(mut self, $cache: impl Into<$cache_type>) -> Self {
                    self.$cache = Some($cache.into());
                    self
                }
            )?
        }
    };
}

pub(super) use object;
