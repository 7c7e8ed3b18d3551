variable "name" {
  description = "Name of the trail; first part of its bucket's name."
  type        = string
}

variable "table_arns" {
  description = "Tables and replicas whose item calls are recorded."
  type        = list(string)
}

variable "reads" {
  description = "Record reads too."
  type        = bool
}

variable "force_destroy" {
  description = "Delete the bucket with what it holds."
  type        = bool
}
