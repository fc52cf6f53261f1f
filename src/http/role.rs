//! Who may do what.
//!
//! Why powers beside roles: a route asks for what it does, and only this table says who may. A new role changes no route.

/// What a token of the configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Scans, acknowledges, announces, reloads.
    Operator,
    /// Creates and deletes tenants.
    Provisioner,
    /// A service that asks where a user belongs, and nothing else.
    Router,
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Read,
    Scan,
    /// Changes what is told of the fleet, or how the daemon works.
    Operate,
    /// Changes who the tenants are.
    Provision,
    /// Is told connection strings.
    Route,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Provisioner, Self::Router];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Provisioner => "provisioner",
            Self::Router => "router",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    /// Operator and provisioner each include viewer, neither the other.
    pub const fn may(self, power: Power) -> bool {
        match self {
            Self::Viewer => matches!(power, Power::Read),
            Self::Operator => matches!(power, Power::Read | Power::Scan | Power::Operate),
            Self::Provisioner => matches!(power, Power::Read | Power::Provision),
            Self::Router => matches!(power, Power::Route),
        }
    }
}

impl Power {
    pub const ALL: [Self; 5] =
        [Self::Read, Self::Scan, Self::Operate, Self::Provision, Self::Route];

    /// The role to ask for, in the words of the configuration.
    pub const fn needs(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Scan | Self::Operate => Role::Operator,
            Self::Provision => Role::Provisioner,
            Self::Route => Role::Router,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_the_contract_says_and_nothing_more() {
        let may = |role: Role| Power::ALL.map(|power| role.may(power));
        assert_eq!(may(Role::Viewer), [true, false, false, false, false]);
        assert_eq!(may(Role::Operator), [true, true, true, false, false]);
        assert_eq!(may(Role::Provisioner), [true, false, false, true, false]);
        assert_eq!(may(Role::Router), [false, false, false, false, true]);
    }

    #[test]
    fn the_role_that_a_refusal_names_has_the_power() {
        for power in Power::ALL {
            assert!(power.needs().may(power), "{power:?}");
        }
    }
}
