//! The words of a status column, and what they may mean for an import. Words that are not known are left out: an import
//! then refuses their orders by name, which is better than a wrong guess.

use std::collections::BTreeSet;

/// The most words that a column of statuses has; above that it is something else.
const MAX_WORDS: usize = 40;

/// Words by what they mean, in the form of `names::normalized`, separated by a comma.
const KNOWN: [(&str, &str); 3] = [
    (
        "processed",
        "completed, complete, paid, shipped, delivered, fulfilled, processed, closed, done, refunded, partially \
         refunded, archived, success, succeeded, completada, completado, pagada, pagado, enviada, enviado, entregada, \
         entregado, cerrada, concluido, pago, reembolsado, entregue, abgeschlossen, bezahlt, versendet, versandt, \
         geliefert, zugestellt, erledigt, terminee, termine, payee, paye, expediee, expedie, livree, livre, \
         remboursee",
    ),
    (
        "cancelled",
        "cancelled, canceled, void, voided, expired, failed, declined, cancelada, cancelado, anulada, anulado, \
         rechazada, recusado, storniert, abgebrochen, annulliert, annulee, annule, echouee",
    ),
    (
        "pending",
        "pending, open, new, processing, unpaid, unfulfilled, unshipped, authorized, on hold, awaiting payment, \
         awaiting shipment, in progress, partially paid, received, abierta, pendiente, en proceso, nueva, aberto, \
         pendente, em andamento, em aberto, offen, neu, in bearbeitung, ausstehend, en attente, en cours, nouvelle, \
         ouverte",
    ),
];

/// The words of a column, by meaning.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Statuses {
    /// Words and what they become.
    pub known: Vec<(String, &'static str)>,
    /// Words without a known meaning.
    pub unknown: Vec<String>,
}

/// The words of a column; `None` if there are too many, or none is known.
pub fn statuses_of<'c>(cells: impl Iterator<Item = &'c str>) -> Option<Statuses> {
    let mut words: BTreeSet<&str> = BTreeSet::new();
    for cell in cells {
        words.insert(cell.trim());
        if words.len() > MAX_WORDS {
            return None;
        }
    }
    let mut statuses = Statuses::default();
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        match meaning(word) {
            Some(meaning) => statuses.known.push((word.to_owned(), meaning)),
            None => statuses.unknown.push(word.to_owned()),
        }
    }
    (!statuses.known.is_empty()).then_some(statuses)
}

fn meaning(word: &str) -> Option<&'static str> {
    let word = super::names::normalized(word);
    let found = KNOWN
        .iter()
        .find(|(_, words)| words.split(", ").any(|known| known == word));
    found.map(|(meaning, _)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, statuses_of};
    use crate::suggest::names::normalized;

    #[test]
    fn words_are_known_in_five_languages_and_the_others_are_named() {
        let statuses =
            statuses_of(["Completed", "", "Storniert", "En attente", "limbo"].into_iter()).unwrap();
        let known: Vec<_> = statuses
            .known
            .iter()
            .map(|(word, to)| (word.as_str(), *to))
            .collect();
        assert_eq!(
            known,
            [
                ("Completed", "processed"),
                ("En attente", "pending"),
                ("Storniert", "cancelled")
            ]
        );
        assert_eq!(statuses.unknown, ["limbo"]);
        assert_eq!(statuses_of(["red", "blue"].into_iter()), None);
    }

    #[test]
    fn every_word_is_in_its_normal_form_and_has_one_meaning() {
        let words: Vec<&str> = KNOWN
            .iter()
            .flat_map(|(_, words)| words.split(", "))
            .collect();
        for (index, word) in words.iter().enumerate() {
            assert_eq!(&normalized(word), word);
            assert!(!words[..index].contains(word), "{word} twice");
        }
    }
}
