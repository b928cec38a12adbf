//! Whether this process was started as one of several.

/// What the starter of this process says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Its number, from 0.
    pub rank: usize,
    /// How many were started.
    pub size: usize,
}

/// The variables by which a starter says how many there are, and which one this is: `mpirun` of
/// Open MPI; of MPICH and Intel MPI, and `srun --mpi=pmi2`; `srun --mpi=pmix`, whose number of
/// tasks is Slurm's.
const NAMES: [[&str; 2]; 3] =
    [["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"], ["PMI_SIZE", "PMI_RANK"], ["SLURM_STEP_NUM_TASKS", "PMIX_RANK"]];

/// As what this process was started; none where nobody says so. A shell within a Slurm job has the
/// job's variables too, but no number among the processes of MPI.
pub fn started() -> Option<Started> {
    of(|name| std::env::var(name).ok())
}

fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Started> {
    let number = |name: &str| variable(name)?.parse::<usize>().ok();
    NAMES.iter().find_map(|[size, rank]| {
        let (size, rank) = (number(size)?, number(rank)?);
        (rank < size).then_some(Started { rank, size })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starters_are_known_by_their_variables() {
        let said = |pairs: &'static [(&'static str, &'static str)]| {
            of(|name| pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
        };
        let third = Some(Started { rank: 2, size: 4 });
        assert_eq!(said(&[("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "2")]), third);
        assert_eq!(said(&[("PMI_SIZE", "4"), ("PMI_RANK", "2")]), third);
        assert_eq!(said(&[("SLURM_STEP_NUM_TASKS", "4"), ("PMIX_RANK", "2")]), third);
        assert_eq!(said(&[("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_PROCID", "0")]), None);
        assert_eq!(said(&[("PMI_SIZE", "four"), ("PMI_RANK", "2")]), None);
        assert_eq!(said(&[]), None);
    }
}
