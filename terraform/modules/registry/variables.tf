variable "name" {
  description = "Prefix of the repositories."
  type        = string
}

variable "images" {
  description = "One repository for each of these."
  type        = set(string)
}

variable "replicate_to" {
  description = "Region that receives every pushed image; null for none."
  type        = string
}

variable "force_delete" {
  description = "Delete repositories with their images."
  type        = bool
}
