//! Several named adapters on one resident base, chosen for every row of a batch.

use burn::nn::Linear;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};
use vit_backbone::{
    Attention, LayerNorm, LayerScale, LayerScaleSite, LinearSite, Mlp, NormSite, Seam, TokenEmbed,
};

use crate::error::PeftError;
use crate::listing::nearest;

/// Adapters by name, of one kind (every method is a [`PeftAdapter`](crate::PeftAdapter)) and for one base.
///
/// Switching is choosing another reference: the base is never touched. A batch whose images want different adapters goes through the base
/// once with what [`NamedAdapters::choose`] gives, peft's "mixed batch".
#[derive(Debug)]
pub struct NamedAdapters<A> {
    entries: Vec<(String, A)>,
}

impl<A> Default for NamedAdapters<A> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
        }
    }
}

impl<A> NamedAdapters<A> {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an adapter; what had the name before is given back.
    pub fn insert(&mut self, name: &str, adapter: A) -> Option<A> {
        let before = self.remove(name);
        self.entries.push((name.to_owned(), adapter));
        before
    }

    /// Takes an adapter out.
    pub fn remove(&mut self, name: &str) -> Option<A> {
        let place = self.entries.iter().position(|(known, _)| known == name)?;
        Some(self.entries.remove(place).1)
    }

    /// The adapter of a name.
    ///
    /// # Errors
    /// [`PeftError::UnknownAdapter`] with the names most like it.
    pub fn get(&self, name: &str) -> Result<&A, PeftError> {
        let found = self.entries.iter().find(|(known, _)| known == name);
        found
            .map(|(_, adapter)| adapter)
            .ok_or_else(|| PeftError::UnknownAdapter {
                name: name.into(),
                nearest: nearest(name, self.names(), 3),
            })
    }

    /// The names, in the order in which they were added.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// The adapter for a batch whose row `i` is to see the adapter `names[i]`, or the bare base where it is `None`.
    ///
    /// Rows of one adapter are computed together, in one product per map. A batch ordered by adapter needs no copy but that of joining the
    /// parts; any other is gathered and put back at every place of the seam.
    ///
    /// # Errors
    /// [`PeftError::UnknownAdapter`]; [`PeftError::InvalidConfig`] without a row; [`PeftError::TokenCounts`] when the adapters add different
    /// numbers of tokens, so that their rows have no common shape.
    pub fn choose<B: Backend>(
        &self,
        names: &[Option<&str>],
        device: &B::Device,
    ) -> Result<ByRow<'_, A, B>, PeftError>
    where
        A: Seam<B>,
    {
        let mut rows: Vec<(Option<&str>, Vec<usize>)> = Vec::new();
        for (row, name) in names.iter().enumerate() {
            match rows.iter_mut().find(|(known, _)| known == name) {
                Some((_, rows)) => rows.push(row),
                None => rows.push((*name, vec![row])),
            }
        }
        if rows.is_empty() {
            return Err(PeftError::InvalidConfig {
                field: "names".into(),
                found: "empty".into(),
                expected: "one name, or none, per image of the batch".into(),
            });
        }
        let order: Vec<usize> = rows.iter().flat_map(|(_, rows)| rows.clone()).collect();
        let sorted = order.is_sorted();
        let index = |rows: &[usize]| {
            let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
            Tensor::<B, 1, Int>::from_data(TensorData::from(rows.as_slice()), device)
        };
        let mut groups = Vec::with_capacity(rows.len());
        for (name, rows) in &rows {
            groups.push(Group {
                adapter: name.map(|name| self.get(name)).transpose()?,
                rows: match sorted {
                    true => Rows::Range(rows[0]..rows[0] + rows.len()),
                    false => Rows::List(index(rows)),
                },
            });
        }
        let tokens: Vec<usize> = groups.iter().map(Group::extra_tokens).collect();
        if let Some(other) = (1..tokens.len()).find(|&at| tokens[at] != tokens[0]) {
            let shown = |at: usize| rows[at].0.unwrap_or("the bare base").to_owned();
            return Err(PeftError::TokenCounts {
                first: shown(0),
                first_tokens: tokens[0],
                second: shown(other),
                second_tokens: tokens[other],
            });
        }
        // Row `i` of the batch is row `back[i]` of the joined groups.
        let mut back = vec![0; order.len()];
        for (joined, &row) in order.iter().enumerate() {
            back[row] = joined;
        }
        Ok(ByRow {
            groups,
            back: (!sorted).then(|| index(&back)),
            extra_tokens: tokens[0],
        })
    }
}

/// The rows of a batch that share an adapter.
struct Group<'a, A, B: Backend> {
    adapter: Option<&'a A>,
    rows: Rows<B>,
}

enum Rows<B: Backend> {
    Range(std::ops::Range<usize>),
    List(Tensor<B, 1, Int>),
}

impl<A: Seam<B>, B: Backend> Group<'_, A, B> {
    fn extra_tokens(&self) -> usize {
        self.adapter.map_or(0, Seam::extra_tokens)
    }

    fn take<const D: usize>(&self, x: Tensor<B, D>) -> Tensor<B, D> {
        match &self.rows {
            Rows::Range(rows) => x.narrow(0, rows.start, rows.len()),
            Rows::List(rows) => x.select(0, rows.clone()),
        }
    }
}

/// An adapter for one batch, made of several by [`NamedAdapters::choose`]. Its batch has exactly as many images as names were given;
/// another number panics as tensors of other shapes do. Models that were told something about each image (dates, places) are not for mixed
/// batches: what they were told is not divided.
pub struct ByRow<'a, A, B: Backend> {
    groups: Vec<Group<'a, A, B>>,
    back: Option<Tensor<B, 1, Int>>,
    extra_tokens: usize,
}

impl<'a, A: Seam<B>, B: Backend> ByRow<'a, A, B> {
    /// Hands each group its rows and joins what comes back in the order of the batch.
    fn divided<const D: usize, const E: usize>(
        &self,
        x: Tensor<B, D>,
        mut f: impl FnMut(usize, Option<&'a A>, Tensor<B, D>) -> Tensor<B, E>,
    ) -> Tensor<B, E> {
        if let [one] = self.groups.as_slice() {
            return f(0, one.adapter, x);
        }
        let parts = self.groups.iter().enumerate();
        let parts = parts.map(|(at, group)| f(at, group.adapter, group.take(x.clone())));
        let joined = Tensor::cat(parts.collect(), 0);
        match &self.back {
            Some(back) => joined.select(0, back.clone()),
            None => joined,
        }
    }
}

impl<A: Seam<B>, B: Backend> Seam<B> for ByRow<'_, A, B> {
    /// Per group; `None` for the bare base.
    type State = Vec<Option<A::State>>;

    fn embed(&self, base: &TokenEmbed<B>, image: Tensor<B, 4>) -> (Tensor<B, 3>, Self::State) {
        let mut states = Vec::with_capacity(self.groups.len());
        let tokens = self.divided(image, |_, adapter, image| match adapter {
            Some(adapter) => {
                let (tokens, state) = adapter.embed(base, image);
                states.push(Some(state));
                tokens
            }
            None => {
                states.push(None);
                base.forward(image)
            }
        });
        (tokens, states)
    }

    fn linear(&self, site: LinearSite, base: &Linear<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.divided(x, |_, adapter, x| match adapter {
            Some(adapter) => adapter.linear(site, base, x),
            None => ().linear(site, base, x),
        })
    }

    fn norm(&self, site: NormSite, base: &LayerNorm<B>, x: Tensor<B, 3>) -> Tensor<B, 3> {
        self.divided(x, |_, adapter, x| match adapter {
            Some(adapter) => adapter.norm(site, base, x),
            None => ().norm(site, base, x),
        })
    }

    fn layer_scale(
        &self,
        site: LayerScaleSite,
        base: &LayerScale<B>,
        x: Tensor<B, 3>,
    ) -> Tensor<B, 3> {
        self.divided(x, |_, adapter, x| match adapter {
            Some(adapter) => adapter.layer_scale(site, base, x),
            None => ().layer_scale(site, base, x),
        })
    }

    fn attention(
        &self,
        block: usize,
        base: &Attention<B>,
        x: Tensor<B, 3>,
        states: &mut Self::State,
    ) -> Tensor<B, 3> {
        self.divided(x, |group, adapter, x| match (adapter, &mut states[group]) {
            (Some(adapter), Some(state)) => adapter.attention(block, base, x, state),
            _ => ().attention(block, base, x, &mut ()),
        })
    }

    fn mlp(
        &self,
        block: usize,
        base: &Mlp<B>,
        x: Tensor<B, 3>,
        states: &mut Self::State,
    ) -> Tensor<B, 3> {
        self.divided(x, |group, adapter, x| match (adapter, &mut states[group]) {
            (Some(adapter), Some(state)) => adapter.mlp(block, base, x, state),
            _ => ().mlp(block, base, x, &mut ()),
        })
    }

    fn after_block(&self, block: usize, x: Tensor<B, 3>, states: &mut Self::State) -> Tensor<B, 3> {
        self.divided(x, |group, adapter, x| match (adapter, &mut states[group]) {
            (Some(adapter), Some(state)) => adapter.after_block(block, x, state),
            _ => x,
        })
    }

    fn extra_tokens(&self) -> usize {
        self.extra_tokens
    }
}
