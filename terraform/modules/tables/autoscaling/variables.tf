variable "targets" {
  description = "Tables and indexes to scale; dimension is table or index."
  type        = map(object({ resource_id = string, dimension = string }))
}

variable "capacity" {
  description = "Bounds in units a second."
  type        = object({ min = number, max = number })
}
