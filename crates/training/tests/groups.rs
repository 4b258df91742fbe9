//! Parameter groups: exactly one per trainable parameter, with messages that name it.

mod common;

use burn::module::Module;
use common::{B, Mlp};
use training::{GroupConfig, GroupCount, ParameterGroups, TrainError};

fn model() -> Mlp<B> {
    Mlp::new(4, 0.0, &Default::default())
}

fn assign(model: &Mlp<B>, groups: &[GroupConfig]) -> Result<ParameterGroups, TrainError> {
    ParameterGroups::assign::<B, _>(model, groups)
}

#[test]
fn every_parameter_falls_into_its_group() {
    let groups = assign(
        &model(),
        &[
            GroupConfig::new("weights", &["*.weight"], 1e-3),
            GroupConfig::new("biases", &["hidden.bias", "head.bias"], 1e-2),
        ],
    )
    .unwrap();
    let count = |name: &str, tensors, parameters| GroupCount {
        name: name.into(),
        tensors,
        parameters,
    };
    assert_eq!(
        groups.counts(),
        [count("weights", 2, 36), count("biases", 2, 7)]
    );
    assert_eq!(groups.trainable(), 43);
    let names: Vec<&str> = groups
        .parameters()
        .iter()
        .map(|p| p.path.as_str())
        .collect();
    assert_eq!(
        names,
        ["hidden.weight", "hidden.bias", "head.weight", "head.bias"]
    );
}

#[test]
fn frozen_parameters_need_no_group_and_are_not_counted() {
    let mut model = model();
    model.hidden = model.hidden.no_grad();
    let groups = assign(&model, &[GroupConfig::new("head", &["head.*"], 1e-3)]).unwrap();
    assert_eq!(groups.trainable(), 15);
    // A pattern for frozen parameters matches nothing that trains.
    let both = [
        GroupConfig::all(1e-3),
        GroupConfig::new("body", &["hidden.*"], 1e-3),
    ];
    assert!(matches!(
        assign(&model, &both),
        Err(TrainError::NoMatch { .. })
    ));
}

#[test]
fn mistakes_are_named() {
    let message = |groups: &[GroupConfig]| assign(&model(), groups).unwrap_err().to_string();
    let head = GroupConfig::new("head", &["head.*"], 1e-3);
    assert_eq!(
        message(std::slice::from_ref(&head)),
        "parameter hidden.weight belongs to no group (groups: head); add a pattern for it or freeze it"
    );
    assert_eq!(
        message(&[GroupConfig::all(1e-3), head.clone()]),
        "parameter head.weight belongs to both groups all and head; make their patterns disjoint"
    );
    let body = GroupConfig::new("body", &["hidden.*", "hiden.weight"], 1e-3);
    let text = message(&[head.clone(), body]);
    assert!(text.contains("hiden.weight of group body"), "{text}");
    assert!(text.contains("nearest names: hidden.weight"), "{text}");
    let mut wild = GroupConfig::all(f64::NAN);
    assert!(message(&[wild.clone()]).contains("learning_rate of group all"));
    wild.learning_rate = 1e-3;
    assert!(message(&[wild.with_weight_decay(-1.0)]).contains("weight_decay"));
}

#[test]
fn a_module_that_trains_nothing_or_something_twice_is_refused() {
    let frozen = model().no_grad();
    assert!(matches!(
        assign(&frozen, &[GroupConfig::all(1e-3)]),
        Err(TrainError::NothingToTrain)
    ));
    let one = model();
    let pair = (one.clone(), one);
    assert!(matches!(
        ParameterGroups::assign::<B, _>(&pair, &[GroupConfig::all(1e-3)]),
        Err(TrainError::SharedParameter { .. })
    ));
}
