variable "project" {
  description = "First part of every role's name."
  type        = string
}

variable "environment" {
  description = "Part of every role's name."
  type        = string
}

variable "suffix" {
  description = "Last part of every role's name, as names in IAM are global."
  type        = string
}

variable "region" {
  description = "Region that the tasks run in and whose tables they use."
  type        = string
}

variable "access" {
  description = "Task -> table -> DynamoDB actions on the table, and the indexes that may be queried."
  type        = map(map(object({ actions = list(string), indexes = list(string) })))
}

variable "fence" {
  description = "Table with the lease, its Region where that is another one, and the actions of each task on it; null for no fence."
  type        = object({ table = string, region = string, actions = map(list(string)) })
}

variable "table_names" {
  description = "Table names by short name."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Customer key of the tables; null for the key that DynamoDB owns, which needs no grant."
  type        = string
}

variable "repository_arns" {
  description = "Repositories that images are pulled from."
  type        = list(string)
}

variable "lambda" {
  description = "Are the roles for functions, which write their logs themselves, rather than for tasks?"
  type        = bool
}

variable "log_groups" {
  description = "Prefix of the tasks' log groups."
  type        = string
}

variable "page_key_arn" {
  description = "Secret with the key of the page's cookies, which tasks get when they start; null without a page."
  type        = string
  default     = null
}
