variable "name" {
  description = "Name of function and API."
  type        = string
}

variable "region" {
  description = "Region of both."
  type        = string
}

variable "zip" {
  description = "File with the program."
  type        = string
}

variable "cpu_architecture" {
  description = "What the program was built for: ARM64 or X86_64."
  type        = string
}

variable "limits" {
  description = "Megabytes of memory; requests a second and at once that the API lets through; copies of the function at once, null for any number."
  type        = object({ memory = number, rate = number, burst = number, concurrency = number })
}

variable "role_arn" {
  description = "Role of the function."
  type        = string
}

variable "environment" {
  description = "Variables with tables, lease and identity."
  type        = map(string)
}

variable "cors_origins" {
  description = "Origins that may call the API from a browser."
  type        = list(string)
}

variable "cache_ttl_seconds" {
  description = "Seconds for which reads are served from memory; 0 for never."
  type        = number
}

variable "awake" {
  description = "Call the function every minute, so that it renews the heartbeat and sends metrics while nobody else does."
  type        = bool
}

variable "domain_name" {
  description = "Name under which the API is reached besides its own; null for none."
  type        = string
}

variable "certificate_arn" {
  description = "Validated certificate of that name."
  type        = string
}
