//! What is asked of GitHub, in the words of the metrics.

macro_rules! operations {
    ($($variant:ident = $label:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation { $($variant,)+ }

        impl Operation {
            pub const ALL: [Self; [$($label),+].len()] = [$(Self::$variant,)+];

            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

operations! {
    GetIdentity = "get_identity",
    GetRepository = "get_repository",
    GetIssue = "get_issue",
    ListIssues = "list_issues",
    CreateIssue = "create_issue",
    UpdateIssue = "update_issue",
    ListComments = "list_comments",
    CreateComment = "create_comment",
    ListEvents = "list_events",
    ListLabels = "list_labels",
    CreateLabel = "create_label",
    GetPermission = "get_permission",
    GetRun = "get_run",
    GetBranch = "get_branch",
    CreateStatus = "create_status",
    CreateCheckRun = "create_check_run",
    ReviewDeployment = "review_deployment",
}

impl Operation {
    /// What GitHub counts as made content, of which it takes fewer in an hour than of anything else.
    pub(super) const fn creates_content(self) -> bool {
        matches!(
            self,
            Self::CreateIssue | Self::UpdateIssue | Self::CreateComment | Self::CreateLabel
        )
    }
}
