"""Networks: SASRec, BERT4Rec and DIN."""
