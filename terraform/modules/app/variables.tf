variable "name" {
  description = "Name of cluster and load balancer; first part of the others."
  type        = string
}

variable "region" {
  description = "Region that everything runs in."
  type        = string
}

variable "services" {
  description = "Services by name: port, image, command (null for the image's own), what asks whether it is alive, and the paths that are its own."
  type        = map(object({ port = number, image = string, command = list(string), healthcheck = list(string), paths = list(string) }))
}

variable "images" {
  description = "Image of each service and of the operator task."
  type        = map(string)
}

variable "cpu_architecture" {
  description = "ARM64 or X86_64."
  type        = string
}

variable "tasks" {
  description = "Bounds of the tasks of each service."
  type        = object({ min = number, max = number })
}

variable "task_role_arns" {
  description = "Role of each service and of the operator task."
  type        = map(string)
}

variable "execution_role_arn" {
  description = "Role with which ECS starts tasks."
  type        = string
}

variable "log_groups" {
  description = "Prefix of the log groups."
  type        = string
}

variable "table_environment" {
  description = "Environment variables that name the tables."
  type        = map(string)
}

variable "auth_environment" {
  description = "Environment variables that tell the services whose tokens to accept."
  type        = map(string)
}

variable "page" {
  description = "The forum's page: the service that has it, what that is told, and the secret with the key of its cookies; null for none."
  type        = object({ service = string, environment = map(string), key_arn = string })
  default     = null
}

variable "cors_origins" {
  description = "Origins that may call the API from a browser."
  type        = list(string)
}

variable "cache_ttl_seconds" {
  description = "Seconds for which the services serve reads from memory; 0 for never."
  type        = number
}

variable "rate_limit" {
  description = "Requests and writes that one address may send within five minutes; null for any number."
  type        = object({ requests = number, writes = number })
}

variable "network" {
  description = "VPC, subnets and security groups."
  type = object({
    vpc_id                 = string
    public_subnet_ids      = list(string)
    load_balancer_group_id = string
    tasks                  = object({ subnet_ids = list(string), group_id = string, public_ip = bool })
  })
}

variable "https" {
  description = "Serve by HTTPS with certificate_arn and redirect HTTP to it."
  type        = bool
}

variable "certificate_arn" {
  description = "Validated certificate; needed with https."
  type        = string
}

variable "rollback_alarms" {
  description = "Name of the alarm that, during a deployment of that service, rolls it back."
  type        = map(string)
}

variable "deletion_protection" {
  description = "Refuse to delete the load balancer."
  type        = bool
}
