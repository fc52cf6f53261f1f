//! Sets that grow together.
//!
//! Why sets: being one server is transitive, and five hundred databases of one server would be a hundred thousand
//! pairs.

/// Disjoint sets over the numbers below a limit. The smallest number of a set names it, so that the names do not
/// depend on the order of joining.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    parent: Vec<usize>,
}

impl Classes {
    pub(super) fn new(count: usize) -> Self {
        Self { parent: (0..count).collect() }
    }

    /// One more set, of one member.
    pub(super) fn push(&mut self) -> usize {
        self.parent.push(self.parent.len());
        self.parent.len() - 1
    }

    pub(super) fn root(&mut self, mut member: usize) -> usize {
        while self.parent[member] != member {
            self.parent[member] = self.parent[self.parent[member]];
            member = self.parent[member];
        }
        member
    }

    pub(super) fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parent[one.max(other)] = one.min(other);
    }

    /// The name of each member's set.
    pub(super) fn roots(mut self) -> Vec<usize> {
        (0..self.parent.len()).map(|it| self.root(it)).collect()
    }
}

/// The members of each set, sets and members in order.
pub(super) fn by_root(roots: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..roots.len()).collect();
    order.sort_by_key(|it| roots[*it]);
    order.chunk_by(|one, other| roots[*one] == roots[*other]).map(<[usize]>::to_vec).collect()
}
