//! k nearest neighbours: the probe without any training.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::products::{View, multiply};
use super::table::count_labels;
use super::{FeatureTable, Standardiser};
use crate::HeadError;

/// Queries and training rows whose products are formed at once: 256 x 2048 f32 are 2 MB, which fits a cache.
const QUERY_BLOCK: usize = 256;
const TRAIN_BLOCK: usize = 2048;

/// The distance between features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnnMetric {
    /// Euclidean distance of features standardised with training statistics.
    StandardisedEuclidean,
    /// Euclidean distance of the features as they are.
    Euclidean,
    /// `1 - cos` of the features as they are; a zero vector is at distance 1 from everything.
    Cosine,
}

/// Settings of [`KnnProbe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KnnConfig {
    /// Neighbours that vote.
    pub k: usize,
    /// The distance.
    pub metric: KnnMetric,
}

impl Default for KnnConfig {
    /// Ten neighbours in standardised space.
    fn default() -> Self {
        Self {
            k: 10,
            metric: KnnMetric::StandardisedEuclidean,
        }
    }
}

/// A training set prepared for neighbour search.
#[derive(Debug, Clone)]
pub struct KnnProbe {
    config: KnnConfig,
    standardiser: Option<Standardiser>,
    train: Vec<f32>,
    /// Half squared norms of the training rows; zero for the cosine, whose rows have unit length.
    half_norms: Vec<f32>,
    labels: Vec<usize>,
    classes: usize,
    dim: usize,
}

/// What the neighbours say about each query.
#[derive(Debug, Clone, PartialEq)]
pub struct KnnPrediction {
    /// The class with most votes, the smaller index on a tie (as scikit-learn's `KNeighborsClassifier`).
    pub labels: Vec<usize>,
    /// Fraction of the votes per class, row-major `[queries, classes]`.
    pub scores: Vec<f32>,
    /// Training rows of the neighbours, nearest first, row-major `[queries, k]`.
    pub neighbours: Vec<usize>,
}

impl KnnProbe {
    /// Prepares a training set.
    ///
    /// # Errors
    /// Labels that do not fit the table or the class list, or `k` outside `1..=rows`.
    pub fn fit(
        config: &KnnConfig,
        table: &FeatureTable,
        labels: &[usize],
        classes: usize,
    ) -> Result<Self, HeadError> {
        count_labels(labels, table.rows(), classes)?;
        if config.k == 0 || config.k > table.rows() {
            return Err(HeadError::Setting {
                name: "k",
                value: config.k.to_string(),
                allowed: format!("between 1 and the {} training rows", table.rows()),
            });
        }
        let standardiser =
            (config.metric == KnnMetric::StandardisedEuclidean).then(|| Standardiser::fit(table));
        let train = prepare(config.metric, standardiser.as_ref(), table)?;
        let half_norms = train
            .chunks_exact(table.dim())
            .map(|row| match config.metric {
                KnnMetric::Cosine => 0.0,
                _ => (0.5 * row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>()) as f32,
            })
            .collect();
        Ok(Self {
            config: *config,
            standardiser,
            train,
            half_norms,
            labels: labels.to_vec(),
            classes,
            dim: table.dim(),
        })
    }

    /// The class of each query.
    ///
    /// # Errors
    /// [`HeadError::Dimension`] if the queries have another dimension than the training rows.
    pub fn predict(&self, queries: &FeatureTable) -> Result<KnnPrediction, HeadError> {
        queries.expect_dim("kNN probe", self.dim)?;
        let prepared = prepare(self.config.metric, self.standardiser.as_ref(), queries)?;
        let neighbours: Vec<usize> = prepared
            .par_chunks(QUERY_BLOCK * self.dim)
            .flat_map_iter(|block| self.nearest(block))
            .collect();
        let mut labels = Vec::with_capacity(queries.rows());
        let mut scores = vec![0.0_f32; queries.rows() * self.classes];
        for (votes, row) in scores
            .chunks_exact_mut(self.classes)
            .zip(neighbours.chunks_exact(self.config.k))
        {
            for &n in row {
                votes[self.labels[n]] += 1.0;
            }
            let mut best = 0;
            for c in 1..self.classes {
                if votes[c] > votes[best] {
                    best = c;
                }
            }
            labels.push(best);
            votes.iter_mut().for_each(|v| *v /= self.config.k as f32);
        }
        Ok(KnnPrediction {
            labels,
            scores,
            neighbours,
        })
    }

    /// The `k` nearest training rows of each prepared query, nearest first, concatenated.
    ///
    /// Ranks by `‖t‖²/2 - q·t`, which orders as the distance does because `‖q‖` is constant per query. Among equal
    /// distances the smaller row comes first.
    fn nearest(&self, queries: &[f32]) -> Vec<usize> {
        let rows = queries.len() / self.dim;
        let mut best: Vec<Vec<(f32, usize)>> = vec![Vec::with_capacity(self.config.k + 1); rows];
        let mut products = Vec::new();
        for (block, train) in self.train.chunks(TRAIN_BLOCK * self.dim).enumerate() {
            let count = train.len() / self.dim;
            products.resize(rows * count, 0.0);
            multiply(
                View::new(queries, rows, self.dim),
                View::new(train, count, self.dim).transposed(),
                &mut products,
            );
            for (list, row) in best.iter_mut().zip(products.chunks_exact(count)) {
                for (j, product) in row.iter().enumerate() {
                    let index = block * TRAIN_BLOCK + j;
                    let rank = self.half_norms[index] - product;
                    if list.len() == self.config.k && rank >= list[list.len() - 1].0 {
                        continue;
                    }
                    let at = list.partition_point(|(r, _)| *r <= rank);
                    list.insert(at, (rank, index));
                    list.truncate(self.config.k);
                }
            }
        }
        best.into_iter().flatten().map(|(_, index)| index).collect()
    }
}

/// Features as the metric needs them: standardised, of unit length, or as they are.
fn prepare(
    metric: KnnMetric,
    standardiser: Option<&Standardiser>,
    table: &FeatureTable,
) -> Result<Vec<f32>, HeadError> {
    if let Some(standardiser) = standardiser {
        return standardiser.apply(table);
    }
    let mut out = table.values().to_vec();
    if metric == KnnMetric::Cosine {
        for row in out.chunks_exact_mut(table.dim()) {
            let norm = row
                .iter()
                .map(|v| f64::from(*v).powi(2))
                .sum::<f64>()
                .sqrt();
            if norm > 0.0 {
                row.iter_mut()
                    .for_each(|v| *v = (f64::from(*v) / norm) as f32);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(n: usize, salt: usize) -> Vec<f32> {
        (0..n)
            .map(|i| ((i * 37 + salt * 101) as f32 * 0.613).sin())
            .collect()
    }

    #[test]
    fn a_training_row_is_its_own_nearest_neighbour() {
        for metric in [
            KnnMetric::Euclidean,
            KnnMetric::StandardisedEuclidean,
            KnnMetric::Cosine,
        ] {
            let train = values(300 * 5, 1);
            let table = FeatureTable::new(&train, 5).unwrap();
            let labels: Vec<usize> = (0..300).map(|i| i % 4).collect();
            let probe = KnnProbe::fit(&KnnConfig { k: 1, metric }, &table, &labels, 4).unwrap();
            let out = probe.predict(&table).unwrap();
            assert_eq!(out.neighbours, (0..300).collect::<Vec<_>>(), "{metric:?}");
            assert_eq!(out.labels, labels);
        }
    }

    #[test]
    fn ties_go_to_the_smaller_class() {
        let train = [0.0, 1.0, 2.0, 3.0];
        let table = FeatureTable::new(&train, 1).unwrap();
        let config = KnnConfig {
            k: 2,
            metric: KnnMetric::Euclidean,
        };
        let probe = KnnProbe::fit(&config, &table, &[2, 1, 0, 0], 3).unwrap();
        let query = [0.4];
        let out = probe
            .predict(&FeatureTable::new(&query, 1).unwrap())
            .unwrap();
        assert_eq!(out.labels, vec![1]);
        assert_eq!(out.scores, vec![0.0, 0.5, 0.5]);
    }

    #[test]
    fn refuses_more_neighbours_than_rows() {
        let train = [0.0, 1.0];
        let table = FeatureTable::new(&train, 1).unwrap();
        let error = KnnProbe::fit(&KnnConfig::default(), &table, &[0, 1], 2).unwrap_err();
        assert!(error.to_string().contains("the 2 training rows"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn equals_brute_force(n in 11_usize..3000, q in 1_usize..30, dim in 1_usize..6, salt in 0_usize..50) {
            let (train, query) = (values(n * dim, salt), values(q * dim, salt + 99));
            let table = FeatureTable::new(&train, dim).unwrap();
            let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
            let config = KnnConfig { k: 3, metric: KnnMetric::Euclidean };
            let out = KnnProbe::fit(&config, &table, &labels, 3).unwrap()
                .predict(&FeatureTable::new(&query, dim).unwrap()).unwrap();
            let distance = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(x, y)| f64::from(x - y).powi(2)).sum()
            };
            for (i, row) in query.chunks_exact(dim).enumerate() {
                let mut all: Vec<f64> = train.chunks_exact(dim).map(|t| distance(row, t)).collect();
                let got: Vec<f64> = out.neighbours[i * 3..(i + 1) * 3].iter().map(|&t| all[t]).collect();
                all.sort_by(f64::total_cmp);
                for (g, w) in got.iter().zip(&all) {
                    prop_assert!((g - w).abs() < 1e-5, "{g} {w}");
                }
            }
        }
    }
}
