//! Public traits are small: whoever implements one has at most five methods to write.

use syn::visit::{self, Visit};
use syn::{ItemTrait, TraitItem, Visibility};

use crate::tidy::Finding;
use crate::tidy::sources::Sources;

const MOST: usize = 5;

/// No public trait has more than five required methods.
pub(crate) fn required_methods(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in sources.rust() {
        let mut traits = Traits(Vec::new());
        traits.visit_file(file);
        let large = traits.0.into_iter().filter(|(_, methods)| *methods > MOST);
        findings.extend(large.map(|(name, methods)| {
            Finding::fault(
                path,
                format!("the trait `{name}` requires {methods} methods, at most {MOST}: provide some"),
            )
        }));
    }
    findings
}

struct Traits(Vec<(String, usize)>);

impl<'a> Visit<'a> for Traits {
    fn visit_item_trait(&mut self, item: &'a ItemTrait) {
        if matches!(item.vis, Visibility::Public(_)) {
            let required = item.items.iter().filter(|item| is_required_method(item)).count();
            self.0.push((item.ident.to_string(), required));
        }
        visit::visit_item_trait(self, item);
    }
}

fn is_required_method(item: &TraitItem) -> bool {
    matches!(item, TraitItem::Fn(function) if function.default.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(visibility: &str, required: usize) -> Vec<Finding> {
        let methods: String = (0..required).map(|i| format!("fn m{i}(&self);\n")).collect();
        let text = format!("{visibility} trait Wide {{ type T; {methods} fn provided(&self) {{}} }}");
        required_methods(&Sources::sample(&[("src/lib.rs", &text)]))
    }

    #[test]
    fn six_required_methods_are_too_many() {
        assert_eq!(findings("pub", 5), []);
        assert!(findings("pub", 6)[0].message.contains("`Wide` requires 6"));
    }

    #[test]
    fn private_traits_are_free() {
        assert_eq!(findings("", 6), []);
        assert_eq!(findings("pub(crate)", 6), []);
    }
}
