variable "tables" {
  description = "The schema's tables by short name: keys, indexes and TTL as in tables.json."
  type = map(object({
    env   = string
    hash  = object({ name = string, type = string })
    range = object({ name = string, type = string })
    ttl   = string
    indexes = map(object({
      hash       = object({ name = string, type = string })
      range      = object({ name = string, type = string })
      projection = string
      include    = list(string)
    }))
  }))
}

variable "project" {
  description = "First part of every table's name."
  type        = string
}

variable "environment" {
  description = "Last part of every table's name."
  type        = string
}

variable "replica_region" {
  description = "Region of the provider aws.dr, which holds a replica of every table; null for none."
  type        = string
}

variable "billing_mode" {
  description = "PAY_PER_REQUEST or PROVISIONED."
  type        = string
}

variable "capacity" {
  description = "With PROVISIONED: bounds of the auto scaling of each table and index, in units a second."
  type        = object({ min = number, max = number })
}

variable "on_demand_throughput" {
  description = "With PAY_PER_REQUEST: units a second that each table and index may use at most."
  type        = object({ read = number, write = number })
}

variable "point_in_time_recovery" {
  description = "Continuous backups of tables and replicas."
  type        = bool
}

variable "deletion_protection" {
  description = "Refuse to delete tables and replicas."
  type        = bool
}

variable "kms_key_arns" {
  description = "Customer keys, one per Region; null for the keys that DynamoDB owns."
  type        = object({ primary = string, dr = string })
}
