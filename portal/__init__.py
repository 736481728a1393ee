"""The pages of Tidewell: for practitioners, clinicians, young people and administrators."""
