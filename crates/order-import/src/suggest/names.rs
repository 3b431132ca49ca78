//! Names of columns, as shops and spreadsheets write them, and what they mean. Five languages: English, Spanish,
//! Portuguese, German and French. The guesser asks for the meaning of a column; nothing here looks at cells.

use super::known_names::KNOWN;
use super::role::Role;

/// A meaning of a name; a lower rank is a better one for its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meaning {
    /// What the column holds.
    pub role: Role,
    /// The position of the name among those of the role.
    pub rank: usize,
}

/// What a column of this name may hold; a name such as `Name` has more than one meaning.
pub fn meanings(name: &str) -> Vec<Meaning> {
    let name = normalized(name);
    let of_role = |(role, names): &(Role, &str)| {
        let rank = names.split(", ").position(|known| known == name)?;
        Some(Meaning { role: *role, rank })
    };
    KNOWN.iter().filter_map(of_role).collect()
}

/// Words in small letters without accents, separated by one space: `CustomerID`, `customer_id` and `Customer ID` are
/// `customer id`.
pub fn normalized(name: &str) -> String {
    let mut words = String::with_capacity(name.len());
    let mut previous = ' ';
    let mut signs = name.chars().peekable();
    while let Some(sign) = signs.next() {
        let next_is_small = signs.peek().is_some_and(|next| next.is_lowercase());
        let begins_word = sign.is_uppercase()
            && (previous.is_lowercase() || (previous.is_uppercase() && next_is_small));
        if begins_word {
            end_word(&mut words);
        }
        previous = sign;
        for letter in sign.to_lowercase() {
            push_plain(letter, &mut words);
        }
    }
    words.trim_end().to_owned()
}

fn end_word(words: &mut String) {
    if !words.is_empty() && !words.ends_with(' ') {
        words.push(' ');
    }
}

/// Adds a small letter without its accent; what is neither a letter nor a digit ends the word.
fn push_plain(letter: char, words: &mut String) {
    let plain = match letter {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ª' => "a",
        'é' | 'è' | 'ê' | 'ë' => "e",
        'í' | 'ì' | 'î' | 'ï' => "i",
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'º' => "o",
        'ú' | 'ù' | 'û' | 'ü' => "u",
        'ñ' => "n",
        'ç' => "c",
        'ß' => "ss",
        'œ' => "oe",
        'æ' => "ae",
        // A combining accent belongs to the letter before it.
        '\u{300}'..='\u{36f}' => "",
        other if other.is_alphanumeric() => {
            words.push(other);
            return;
        }
        _ => {
            end_word(words);
            return;
        }
    };
    words.push_str(plain);
}

#[cfg(test)]
mod tests {
    use super::{meanings, normalized};
    use crate::suggest::known_names::KNOWN;
    use crate::suggest::role::Role;

    #[test]
    fn the_same_name_in_any_spelling_is_one_name() {
        for (name, words) in [
            ("CustomerID", "customer id"),
            ("customer_id", "customer id"),
            (" Customer-Id ", "customer id"),
            ("InvoiceNo", "invoice no"),
            ("SKU", "sku"),
            ("Número de orden", "numero de orden"),
            ("Costo de envi\u{301}o", "costo de envio"),
            ("Nº de pedido", "no de pedido"),
            ("Bestell-Nr.", "bestell nr"),
            ("Größe (cm)", "grosse cm"),
            ("Date d'achat", "date d achat"),
            ("?", ""),
        ] {
            assert_eq!(normalized(name), words, "{name}");
        }
    }

    #[test]
    fn names_of_five_languages_are_known_and_one_name_may_mean_two_things() {
        let roles = |name| {
            let meanings = meanings(name).into_iter();
            meanings.map(|meaning| meaning.role).collect::<Vec<_>>()
        };
        assert_eq!(roles("Lineitem price"), [Role::UnitPrice]);
        assert_eq!(roles("Costo de envío"), [Role::Shipping]);
        assert_eq!(roles("Quantidade"), [Role::Quantity]);
        assert_eq!(roles("Einzelpreis"), [Role::UnitPrice]);
        assert_eq!(roles("Numéro de commande"), [Role::OrderNumber]);
        assert_eq!(roles("Name"), [Role::OrderNumber, Role::Product]);
        assert!(roles("Colour").is_empty());
    }

    #[test]
    fn every_known_name_is_in_its_normal_form_and_once_in_its_role() {
        for (role, names) in KNOWN {
            let names: Vec<&str> = names.split(", ").collect();
            for (index, name) in names.iter().enumerate() {
                assert_eq!(&normalized(name), name, "{role:?}");
                assert!(!names[..index].contains(name), "{role:?}: {name} twice");
            }
        }
    }
}
