variable "name" {
  description = "Name of plan and vaults."
  type        = string
}

variable "table_arns" {
  description = "Tables to back up, by short name."
  type        = map(string)
}

variable "copy_to_dr" {
  description = "Copy every recovery point to a vault in the Region of the provider aws.dr."
  type        = bool
}

variable "manage_region_settings" {
  description = "Opt DynamoDB in to AWS Backup's management; one setting per account and Region."
  type        = bool
}

variable "vault_lock" {
  description = "governance, compliance, or null for none."
  type        = string
}

variable "force_destroy" {
  description = "Delete recovery points with their vault."
  type        = bool
}
