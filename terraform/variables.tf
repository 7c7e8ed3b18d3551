variable "project" {
  description = "First part of every name."
  type        = string
  default     = "forum-microservices"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.project))
    error_message = "project must be 3 to 20 lower-case letters, digits and hyphens, starting with a letter: names of load balancers end at 32 characters."
  }
}

variable "environment" {
  description = "Last part of every name: dev, staging, prod."
  type        = string
  default     = "dev"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "environment must be 2 to 10 lower-case letters and digits, starting with a letter."
  }
}

variable "aws_region" {
  description = "Primary Region: it takes the writes."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be the name of an AWS Region, as us-east-1."
  }
}

variable "dr_region" {
  description = "Second Region: replicas of the tables, copies of the backups and, with enable_dr_stack, the services."
  type        = string
  default     = "us-west-2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.dr_region)) && var.dr_region != var.aws_region
    error_message = "dr_region must be the name of an AWS Region, as us-west-2, and another one than aws_region."
  }
}

variable "compute" {
  description = "What runs the forum: \"ecs\" (three services, scaled apart), \"ecs-one\" (one service, each of whose processes serves all routes) or \"lambda\" (one function behind an HTTP API, paid by the request; needs identity, as everybody reaches it)."
  type        = string
  default     = "ecs"
  nullable    = false

  validation {
    condition     = contains(["ecs", "ecs-one", "lambda"], var.compute)
    error_message = "compute must be ecs, ecs-one or lambda."
  }
}

variable "lambda_zip" {
  description = "With compute = \"lambda\": file with the program, as `docker build --target lambda-zip --output . .` makes it. Null until it is built: then function and API are left out."
  type        = string
  default     = null

  validation {
    condition     = var.lambda_zip == null || var.compute == "lambda"
    error_message = "lambda_zip is for compute = \"lambda\"; the others run images: set image_tag."
  }

  validation {
    condition     = var.lambda_zip == null || try(fileexists(var.lambda_zip), false)
    error_message = "lambda_zip must be a file; make it with: docker build --target lambda-zip --output . ."
  }
}

variable "lambda" {
  description = "With compute = \"lambda\": megabytes of memory, and what it can cost at most: requests a second and at once (burst) that the API lets through (more are 429), and copies of the function that run at once. concurrency = null reserves none, as in accounts whose whole limit is 10."
  type = object({
    memory      = optional(number, 256)
    rate        = optional(number, 50)
    burst       = optional(number, 100)
    concurrency = optional(number, 20)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for number in [var.lambda.memory, var.lambda.rate, var.lambda.burst, coalesce(var.lambda.concurrency, 1)] : number >= 1 && floor(number) == number
    ]) && var.lambda.memory >= 128 && var.lambda.memory <= 10240
    error_message = "lambda must hold whole numbers from 1; memory from 128 to 10240."
  }
}

variable "enable_global_tables" {
  description = "Replicate every table to dr_region (DynamoDB global tables) and copy the backups there."
  type        = bool
  default     = true
  nullable    = false
}

variable "enable_dr_stack" {
  description = "Run services, network, images and alarms in dr_region too. Null follows enable_global_tables."
  type        = bool
  default     = null

  validation {
    condition     = var.enable_dr_stack != true || var.enable_global_tables
    error_message = "enable_dr_stack needs enable_global_tables = true: services in dr_region would have no tables there."
  }
}

variable "dynamodb_billing_mode" {
  description = "PAY_PER_REQUEST (on demand), or PROVISIONED with auto scaling within dynamodb_capacity."
  type        = string
  default     = "PAY_PER_REQUEST"
  nullable    = false

  validation {
    condition     = contains(["PAY_PER_REQUEST", "PROVISIONED"], var.dynamodb_billing_mode)
    error_message = "dynamodb_billing_mode must be PAY_PER_REQUEST or PROVISIONED."
  }
}

variable "dynamodb_capacity" {
  description = "With PROVISIONED: read and write units a second of each table and index, at least and at most."
  type = object({
    min = optional(number, 5)
    max = optional(number, 100)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      floor(var.dynamodb_capacity.min) == var.dynamodb_capacity.min,
      floor(var.dynamodb_capacity.max) == var.dynamodb_capacity.max,
      var.dynamodb_capacity.min >= 1,
      var.dynamodb_capacity.max >= var.dynamodb_capacity.min,
    ])
    error_message = "dynamodb_capacity must be whole numbers with 1 <= min <= max."
  }
}

variable "dynamodb_on_demand_throughput" {
  description = "With PAY_PER_REQUEST: read and write units a second that each table and index may use at most, in each Region; more is throttled (503). A ceiling of what a flood of requests can cost. AWS's own is 40000."
  type = object({
    read  = optional(number, 2000)
    write = optional(number, 500)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for units in [var.dynamodb_on_demand_throughput.read, var.dynamodb_on_demand_throughput.write] : units >= 1 && floor(units) == units
    ])
    error_message = "dynamodb_on_demand_throughput must be whole numbers from 1."
  }
}

variable "dynamodb_point_in_time_recovery" {
  description = "Continuous backups of the last 35 days, on tables and replicas."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_protection" {
  description = "Protect tables, replicas and load balancers from deletion, and keep vaults, images and the trail's bucket when not empty. Set false, apply, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arns" {
  description = "Customer keys of the tables in both Regions. Null uses the keys that DynamoDB owns, which are free."
  type = object({
    primary = string
    dr      = optional(string)
  })
  default = null

  validation {
    condition     = var.kms_key_arns == null || can(regex("^arn:aws[a-z-]*:kms:${var.aws_region}:[0-9]{12}:key/.+$", var.kms_key_arns.primary))
    error_message = "kms_key_arns.primary must be the ARN of a key in aws_region, as arn:aws:kms:us-east-1:123456789012:key/..."
  }

  validation {
    condition     = var.kms_key_arns == null || !var.enable_global_tables || can(regex("^arn:aws[a-z-]*:kms:${var.dr_region}:[0-9]{12}:key/.+$", var.kms_key_arns.dr))
    error_message = "kms_key_arns.dr must be the ARN of a key in dr_region: both copies of a table use the same kind of key."
  }
}

variable "manage_backup_region_settings" {
  description = "Let AWS Backup manage DynamoDB in both Regions. One setting per account and Region: false where another configuration owns it."
  type        = bool
  default     = true
  nullable    = false
}

variable "backup_vault_lock" {
  description = "Keep recovery points from being deleted before their 30 days: \"governance\" (who has the right to may lift it), \"compliance\" (after three days nobody can, not even AWS: the vaults stay until the last recovery point is 30 days old), or null."
  type        = string
  default     = null

  validation {
    condition     = var.backup_vault_lock == null || try(contains(["governance", "compliance"], var.backup_vault_lock), false)
    error_message = "backup_vault_lock must be governance, compliance or null."
  }

  validation {
    condition     = var.backup_vault_lock != "compliance" || var.deletion_protection
    error_message = "backup_vault_lock = \"compliance\" needs deletion_protection = true: vaults with that lock cannot be emptied."
  }
}

variable "fence" {
  description = "Table with the lease that says which Region writes, made by `forum region init`; region where it is a plain table there, which needs egress = \"public\". The health check of the primary then fails while another Region writes, so that DNS does not send clients back by itself. Null: nothing keeps two Regions from writing at once."
  type = object({
    table  = string
    region = optional(string)
  })
  default = null

  validation {
    condition     = var.fence == null || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.fence.table))
    error_message = "fence.table must be the name of a DynamoDB table, as forum-microservices-fence-dev."
  }

  validation {
    condition     = var.fence == null || try(var.fence.region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.fence.region)), false)
    error_message = "fence.region must be the name of an AWS Region, as us-east-2, or left out for a table with multi-Region strong consistency."
  }

  validation {
    condition     = var.fence == null || try(var.fence.region == null || local.egress == "public", false)
    error_message = "fence.region needs egress = \"public\": endpoints reach the DynamoDB of their own Region only."
  }
}

variable "image_tag" {
  description = "Tag of the images to run. Null until images are pushed: then network, load balancers and services are left out."
  type        = string
  default     = null

  validation {
    condition     = var.image_tag == null || (can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag)) && var.image_tag != "latest")
    error_message = "image_tag must be an image tag (at most 128 letters, digits, '_', '.', '-') other than latest: tags here never move."
  }
}

variable "ci" {
  description = "GitHub repository (owner/name) and branch whose workflows may push images, without a stored key. create_provider = false where the account has GitHub's identity provider already. Null for none."
  type = object({
    repository      = string
    branch          = optional(string, "main")
    create_provider = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.ci == null || (can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.ci.repository)) && can(regex("^[A-Za-z0-9._/-]+$", var.ci.branch)))
    error_message = "ci must name one repository as owner/name and one branch, without wildcards."
  }
}

variable "cpu_architecture" {
  description = "What the images were built for: ARM64 (Graviton, about a fifth cheaper) or X86_64."
  type        = string
  default     = "ARM64"
  nullable    = false

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "cpu_architecture must be ARM64 or X86_64."
  }
}

variable "tasks" {
  description = "Tasks of each service: at least in the primary Region, at least in the DR Region (null: 1, and min where environment is prod, as the whole load comes at once), at most in either."
  type = object({
    min    = optional(number, 2)
    dr_min = optional(number)
    max    = optional(number, 10)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for least in [var.tasks.min, coalesce(var.tasks.dr_min, 1)] : least >= 1 && least <= var.tasks.max && floor(least) == least
    ]) && floor(var.tasks.max) == var.tasks.max
    error_message = "tasks must be whole numbers with 1 <= min <= max and 1 <= dr_min <= max."
  }
}

variable "domain_name" {
  description = "Name under which the forum is served by HTTPS, with failover between the Regions. Null serves plain HTTP at the load balancers: for development."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$", var.domain_name))
    error_message = "domain_name must be a lower-case DNS name without scheme, path or trailing dot, as forum.example.com."
  }
}

variable "hosted_zone_id" {
  description = "Route 53 zone that takes the records of domain_name. Null makes a zone of that name, whose name servers are then yours to enter at the registrar."
  type        = string
  default     = null

  validation {
    condition     = var.hosted_zone_id == null || (can(regex("^Z[A-Z0-9]{1,31}$", var.hosted_zone_id)) && var.domain_name != null)
    error_message = "hosted_zone_id must be the id of a zone, as Z0123456789ABC, and needs domain_name."
  }
}

variable "cors_allowed_origins" {
  description = "Origins whose pages may call the API from a browser; empty allows none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.cors_allowed_origins : origin == "*" || can(regex("^https?://[^/*, ]+$", origin))])
    error_message = "cors_allowed_origins must hold origins without a path, as https://forum.example.com, or \"*\"."
  }
}

variable "cache_ttl_seconds" {
  description = "Seconds for which the services may serve reads from memory; what other tasks write is seen that late. 0 for never."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.cache_ttl_seconds >= 0 && var.cache_ttl_seconds <= 3600 && floor(var.cache_ttl_seconds) == var.cache_ttl_seconds
    error_message = "cache_ttl_seconds must be a whole number from 0 (never) to 3600."
  }
}

variable "rate_limit" {
  description = "Requests that one address may send within five minutes, and how many of them may be writes; more are 429. Null for any number. People behind one router share an address."
  type = object({
    requests = optional(number, 15000)
    writes   = optional(number, 1000)
  })
  default = {}

  validation {
    condition = var.rate_limit == null || try(alltrue([
      for limit in [var.rate_limit.requests, var.rate_limit.writes] : limit >= 10 && limit <= 2000000000 && floor(limit) == limit
    ]) && var.rate_limit.writes <= var.rate_limit.requests, false)
    error_message = "rate_limit must be null or whole numbers from 10 to 2000000000 with writes <= requests."
  }
}

variable "egress" {
  description = "How tasks reach AWS: \"endpoints\" (private subnets, interface endpoints) or \"public\" (public subnets and addresses: cheapest). Null: endpoints with compute = \"ecs\", else public."
  type        = string
  default     = null

  validation {
    condition     = var.egress == null || try(contains(["endpoints", "public"], var.egress), false)
    error_message = "egress must be endpoints or public."
  }

  validation {
    condition     = var.egress != "endpoints" || var.compute != "lambda"
    error_message = "compute = \"lambda\" has no VPC, and so no endpoints: leave egress out."
  }
}

variable "audit" {
  description = "Which calls on the tables' items CloudTrail records: \"writes\", \"all\" (reads too: several times the price of a read) or \"none\"."
  type        = string
  default     = "writes"
  nullable    = false

  validation {
    condition     = contains(["writes", "all", "none"], var.audit)
    error_message = "audit must be writes, all or none."
  }
}

variable "alarm_email" {
  description = "Address that alarms are mailed to; it must confirm a mail from AWS for each Region. Null: subscribe to the topics yourself."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", var.alarm_email))
    error_message = "alarm_email must be an e-mail address, as ops@example.com."
  }
}

variable "availability_target" {
  description = "Percent of the requests that are to succeed in a month. Alarms tell when errors use up the rest too fast: $2.20 a Region. Null: 99.9, and with compute = \"lambda\" none; 0 for none."
  type        = number
  default     = null

  validation {
    condition     = var.availability_target == null || try(var.availability_target == 0 || (var.availability_target >= 90 && var.availability_target < 100), false)
    error_message = "availability_target must be 90 or more and less than 100 (as 99.9), 0 for no alarms, or null."
  }
}

variable "monthly_budget" {
  description = "US dollars a month of the whole account: alarm_email is mailed when the month's costs reach 80 % of it, and when they are forecast to exceed it. Null for no budget; none is made without alarm_email."
  type        = number
  default     = 400

  validation {
    condition     = var.monthly_budget == null || try(var.monthly_budget > 0, false)
    error_message = "monthly_budget must be null or more than 0 dollars."
  }
}
