//! What is asked of Supabase, in the words of the metrics and of errors.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    ListProjects,
    GetProject,
    ListRegions,
    CreateProject,
    GetHealth,
    GetPooler,
    DeleteProject,
}

impl Operation {
    pub(super) const ALL: [Self; 7] = [
        Self::ListProjects,
        Self::GetProject,
        Self::ListRegions,
        Self::CreateProject,
        Self::GetHealth,
        Self::GetPooler,
        Self::DeleteProject,
    ];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::ListProjects => "list_projects",
            Self::GetProject => "get_project",
            Self::ListRegions => "list_regions",
            Self::CreateProject => "create_project",
            Self::GetHealth => "get_health",
            Self::GetPooler => "get_pooler",
            Self::DeleteProject => "delete_project",
        }
    }
}
