//! Which images the shipped backbone saw.

use rs_peft::pretrain::ids_hash;

/// SHA-256 of the sorted pretraining ids, as the model card and the weights state it. The same number comes out of the
/// peer script `benches/peers/mae_pretrain.py`, which draws the split in Python.
#[cfg(has_rs_data)]
const SEEN: &str = "294eaa1ea69a0f12d8efded1bba8f31959b0fb02025b3f23fdf2ab9f755f4327";

#[test]
#[cfg_attr(not(has_rs_data), ignore = "needs RS_DATA_DIR")]
fn the_split_of_the_model_card_is_the_one_that_is_drawn() {
    #[cfg(has_rs_data)]
    {
        use rs_peft::pretrain::{PretrainConfig, split};
        use std::path::{Path, PathBuf};
        let data = PathBuf::from(std::env::var_os("RS_DATA_DIR").unwrap());
        let dataset =
            rs_datasets::catalog::open("eurosat_rgb", &data.join("EuroSAT_RGB.zip")).unwrap();
        let split = split(
            dataset.as_ref(),
            &data.join("eurosat_ms"),
            &PretrainConfig::default(),
        )
        .unwrap();
        assert_eq!(split.part("train").unwrap().len(), 21_384);
        assert_eq!(split.part("test").unwrap().len(), 5_346);
        assert_eq!(ids_hash(split.part("train").unwrap()), SEEN);
        let card = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/backbone/README.md"),
        )
        .unwrap();
        assert!(card.contains(SEEN));
    }
}

#[test]
fn the_hash_does_not_depend_on_the_order() {
    let ids = ["b".to_string(), "a".to_string()];
    assert_eq!(ids_hash(&ids), ids_hash(&[ids[1].clone(), ids[0].clone()]));
}
