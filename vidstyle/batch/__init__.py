"""Many files on one machine: what there is to do, what is done already, and doing the rest."""
