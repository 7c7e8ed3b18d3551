variable "name" {
  description = "Name of the role."
  type        = string
}

variable "repository" {
  description = "GitHub repository whose workflows assume the role, as owner/name."
  type        = string
}

variable "branch" {
  description = "Branch whose workflows assume it."
  type        = string
}

variable "create_provider" {
  description = "Make GitHub's identity provider; false where the account has it."
  type        = bool
}

variable "repository_arns" {
  description = "Image repositories that are pushed to."
  type        = list(string)
}
