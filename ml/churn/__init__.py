"""Who will buy again: probabilities where a model proves to know more than a sort, rates of cells where it does
not."""
