variable "name" {
  description = "Name of the user pool."
  type        = string
}

variable "domain_prefix" {
  description = "First part of the log-in page's name, which no other pool in the Region has."
  type        = string
}

variable "callback_urls" {
  description = "Where people are sent back to when they have signed in or out."
  type        = list(string)
}

variable "deletion_protection" {
  description = "Refuse to delete the user pool."
  type        = bool
}
