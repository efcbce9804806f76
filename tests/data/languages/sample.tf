# Where orders lie.
resource "aws_s3_bucket" "orders" {
  bucket = "orders"
}

variable "region" {
  default = "eu"
}
