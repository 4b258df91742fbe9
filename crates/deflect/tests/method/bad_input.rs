//! Bad input: clear errors, or documented neutral values.

use burn_flex::Flex;
use deflect::{Deflect, DeflectError, Standardisation};
use vit_backbone::Vit;

use crate::support::{SHAPE, adapter, config, image, small_vit, values};

#[test]
fn a_patch_without_a_valid_pixel_keeps_the_pretrained_token() {
    let mut numbers = values(1, SHAPE);
    // The first patch of the first image: everything beyond RGB is missing.
    for channel in 3..9 {
        for pixel in 0..16 {
            numbers[channel * 64 + pixel / 4 * 8 + pixel % 4] = f32::NAN;
        }
    }
    let vit = Vit::<Flex>::init(&small_vit(), 1, &Default::default()).unwrap();
    let adapter = adapter(&config(), &small_vit(), image(values(1, SHAPE), SHAPE));
    let (x, stream) = adapter
        .embedding
        .forward(&vit.embed, image(numbers.clone(), SHAPE));
    let rows = |tokens: burn::tensor::Tensor<Flex, 3>| -> Vec<Vec<f32>> {
        let data: Vec<f32> = tokens.into_data().iter::<f32>().collect();
        data.chunks(12).map(<[f32]>::to_vec).collect()
    };
    let stream = rows(stream);
    assert_eq!(stream[1], [0.0; 12]);
    assert!(stream[2].iter().any(|v| *v != 0.0));
    let (tokens, _) = vit.embed(image(numbers, SHAPE), &adapter);
    assert_eq!(rows(tokens)[1], rows(x)[1]);
}

#[test]
fn bad_rgb_pixels_count_as_the_mean_of_normalised_images() {
    let vit = Vit::<Flex>::init(&small_vit(), 1, &Default::default()).unwrap();
    let adapter = adapter(&config(), &small_vit(), image(values(1, SHAPE), SHAPE));
    let (mut bad, mut zero) = (values(1, SHAPE), values(1, SHAPE));
    bad[64 + 9] = f32::NAN;
    zero[64 + 9] = 0.0;
    let tokens = |numbers| vit.forward(image(numbers, SHAPE), &adapter).into_data();
    assert_eq!(tokens(bad), tokens(zero));
}

#[test]
fn images_that_do_not_fit_are_errors() {
    let adapter = adapter::<Flex>(&config(), &small_vit(), image(values(1, SHAPE), SHAPE));
    let check = |shape| {
        adapter
            .check_image(shape, &small_vit())
            .map_err(|e| e.to_string())
    };
    assert_eq!(check(SHAPE), Ok(()));
    assert_eq!(check([1, 12, 4, 16]), Ok(()));
    for (shape, words) in [
        ([1, 2, 8, 8], "at least 3 channels"),
        ([1, 8, 8, 8], "at least 9 channels"),
        ([1, 9, 8, 6], "multiples of 4"),
        ([1, 9, 0, 8], "multiples of 4"),
    ] {
        let message = check(shape).unwrap_err();
        assert!(message.contains(words), "{message}");
    }
    let set = config().pixel_set(&small_vit()).unwrap();
    let small = image::<Flex>(vec![0.0; 8 * 64], [1, 8, 8, 8]);
    let error = Standardisation::fit(&set, [small]).unwrap_err();
    assert!(matches!(error, DeflectError::Image { .. }), "{error}");
}

#[test]
fn statistics_without_pixels_or_of_another_set_are_errors() {
    let set = config().pixel_set(&small_vit()).unwrap();
    let nothing = Standardisation::fit::<Flex>(&set, [])
        .unwrap_err()
        .to_string();
    assert!(nothing.contains("no training patch"), "{nothing}");
    let mut numbers = values(1, SHAPE);
    for (place, value) in numbers.iter_mut().enumerate() {
        if place / 64 % 9 == 7 {
            *value = f32::NAN;
        }
    }
    let dead = Standardisation::fit(&set, [image::<Flex>(numbers, SHAPE)]).unwrap_err();
    assert!(dead.to_string().contains("`swir.mean`"), "{dead}");

    let good = Standardisation::fit(&set, [image::<Flex>(values(1, SHAPE), SHAPE)]).unwrap();
    let init = |statistics: &Standardisation| {
        Deflect::<Flex>::init(&config(), &small_vit(), statistics, 1, &Default::default())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(init(&good), Ok(()));
    let mut bad = good.clone();
    bad.names[0] = "nir.median".into();
    assert!(init(&bad).unwrap_err().contains("nir.median"));
    let mut bad = good.clone();
    bad.std[3] = f32::NAN;
    assert!(init(&bad).unwrap_err().contains("no finite"));
    let mut bad = good;
    bad.mean.pop();
    assert!(init(&bad).is_err());
}

#[test]
fn numbers_that_never_change_are_left_at_zero() {
    let mut numbers = values(1, SHAPE);
    for (place, value) in numbers.iter_mut().enumerate() {
        if place / 64 % 9 == 8 {
            *value = 0.3;
        }
    }
    let adapter = adapter::<Flex>(&config(), &small_vit(), image(numbers, SHAPE));
    let pooled = adapter
        .pixel_set()
        .pool(image::<Flex>(values(2, SHAPE), SHAPE));
    let found = adapter.embedding.standardise.forward(&pooled).into_data();
    let found: Vec<f32> = found.iter::<f32>().collect();
    let names = adapter.pixel_set().names();
    let place = names.iter().position(|name| name == "vv.mean").unwrap();
    for patch in found.chunks(names.len()) {
        assert_eq!(patch[place], 0.0);
        assert!(patch.iter().all(|value| value.abs() <= 5.0));
    }
}
