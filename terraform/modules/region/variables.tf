variable "stack" {
  description = "What both Regions have in common; see the variables of the same names in the root module."
  type = object({
    project             = string
    environment         = string
    compute             = string
    services            = map(object({ port = number, image = string, command = list(string), healthcheck = list(string), paths = list(string) }))
    images              = list(string)
    access              = map(map(object({ actions = list(string), indexes = list(string) })))
    fence               = object({ table = string, region = string, actions = map(list(string)) })
    table_names         = map(string)
    table_indexes       = map(list(string))
    table_environment   = map(string)
    image_tag           = string
    lambda_zip          = string
    lambda              = object({ memory = number, rate = number, burst = number, concurrency = number })
    cpu_architecture    = string
    clients             = list(string)
    auth_environment    = map(string)
    page                = object({ service = string, environment = map(string) })
    cors_origins        = list(string)
    cache_ttl_seconds   = number
    rate_limit          = object({ requests = number, writes = number })
    egress              = string
    https               = bool
    domain_name         = string
    alarm_email         = string
    availability_target = number
    deletion_protection = bool
  })
}

variable "region" {
  description = "Region of the provider."
  type        = string
}

variable "peer_region" {
  description = "Region that the tables here replicate to; null for none."
  type        = string
}

variable "replicate_to" {
  description = "Region that receives every image pushed here; null for none."
  type        = string
  default     = null
}

variable "suffix" {
  description = "Last part of names in IAM, which are global: empty in the primary Region."
  type        = string
  default     = ""
}

variable "cidr" {
  description = "Address range of the VPC, a /16."
  type        = string
}

variable "tasks" {
  description = "Bounds of the tasks of each service."
  type        = object({ min = number, max = number })
}

variable "kms_key_arn" {
  description = "Customer key of this Region's tables; null for the key that DynamoDB owns."
  type        = string
}

variable "backup_vault" {
  description = "Vault whose jobs are watched; null where this Region backs nothing up."
  type        = string
  default     = null
}

variable "health_checks" {
  description = "Health checks of DNS by role. Their metrics are in us-east-1."
  type        = map(string)
}

variable "writes" {
  description = "Does this Region usually write?"
  type        = bool
}

variable "certificate_arn" {
  description = "Validated certificate; null without a domain."
  type        = string
}

variable "page_key_arn" {
  description = "Secret with the key of the page's cookies, in this Region; null without a page."
  type        = string
  default     = null
}

variable "page_key" {
  description = "That key, for functions, which read no secrets when they start; else null."
  type        = string
  default     = null
  sensitive   = true
}
