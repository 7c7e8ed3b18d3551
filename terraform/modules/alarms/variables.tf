variable "name" {
  description = "First part of every alarm's name; name of topic, key and dashboard."
  type        = string
}

variable "region" {
  description = "Region whose metrics are watched."
  type        = string
}

variable "peer_region" {
  description = "Region that this one replicates to; null without replicas."
  type        = string
}

variable "table_names" {
  description = "Table names by short name."
  type        = map(string)
}

variable "table_indexes" {
  description = "Index names of each table."
  type        = map(list(string))
}

variable "load_balancer" {
  description = "CloudWatch dimensions of the load balancer and its target groups; null without services."
  type        = object({ dimension = string, target_dimensions = map(string) })
}

variable "api" {
  description = "CloudWatch dimensions of API and function; null without."
  type        = object({ id = string, function = string })
}

variable "log_groups" {
  description = "Log groups of the services; empty without."
  type        = list(string)
}

variable "backup_vault" {
  description = "Vault whose jobs are watched; null where this Region backs nothing up."
  type        = string
}

variable "writes" {
  description = "Does this Region usually write? Null without a fence or services: then nobody tells."
  type        = bool
}

variable "availability_target" {
  description = "Percent of the requests that are to succeed in a month; null for no alarms on the rest."
  type        = number
}

variable "health_checks" {
  description = "Health checks of DNS by role; empty where their metrics are in another Region."
  type        = map(string)
}

variable "email" {
  description = "Address to mail alarms to; null for none."
  type        = string
}
