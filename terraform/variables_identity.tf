# Who reaches the forum, and whose tokens say who may write.

variable "auth" {
  description = "Identity: whose tokens the services accept. audience is what they must be issued for, or client_ids where the issuer names none, as Amazon Cognito. roles_claim, moderator_role and admin_role where they are not cognito:groups, moderator and admin; user_id_claim is a claim that users cannot change, or else they take over accounts. Null for no identity: whoever reaches the API can write, so only allowed_cidrs reach it."
  type = object({
    issuer         = string
    audience       = optional(string)
    client_ids     = optional(list(string), [])
    roles_claim    = optional(string)
    moderator_role = optional(string)
    admin_role     = optional(string)
    user_id_claim  = optional(string)
  })
  default = null

  validation {
    condition     = var.auth == null || can(regex("^https://[^/?# ]+(/[^?# ]*)?$", var.auth.issuer))
    error_message = "auth.issuer must be an HTTPS address without query, exactly as in the tokens, as https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc."
  }

  validation {
    condition = var.auth == null || try(
      (var.auth.audience != null || length(var.auth.client_ids) > 0) && alltrue([for id in var.auth.client_ids : can(regex("^[^, ]+$", id))]), false
    )
    error_message = "auth needs audience or client_ids (without commas and spaces): a token for another application must not do here."
  }

  validation {
    condition = var.auth == null || try(alltrue([
      for name in [var.auth.audience, var.auth.roles_claim, var.auth.moderator_role, var.auth.admin_role, var.auth.user_id_claim] : name == null || try(trimspace(name) != "", false)
    ]), false)
    error_message = "auth.audience, roles_claim, moderator_role, admin_role and user_id_claim must be names, or left out."
  }

  validation {
    condition     = var.auth == null || local.egress == "public"
    error_message = "auth needs egress = \"public\": the services fetch the issuer's keys over the internet, which the endpoints do not reach."
  }
}

variable "cognito" {
  description = "Identity by a user pool of Amazon Cognito that is made here, in aws_region. Needs cognito_domain_prefix; excludes auth."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.cognito || var.auth == null
    error_message = "cognito and auth exclude each other: the services accept the tokens of one issuer."
  }

  validation {
    condition     = !var.cognito || var.cognito_domain_prefix != null
    error_message = "cognito = true needs cognito_domain_prefix: people sign in at https://PREFIX.auth.REGION.amazoncognito.com."
  }

  validation {
    condition     = !var.cognito || var.domain_name != null || var.web_url != null || length(var.cognito_callback_urls) > 0
    error_message = "cognito = true needs domain_name, web_url or cognito_callback_urls: where people are sent back to when they have signed in."
  }

  validation {
    condition     = !var.cognito || local.egress == "public"
    error_message = "cognito = true needs egress = \"public\": the services fetch the issuer's keys over the internet, which the endpoints do not reach."
  }
}

variable "cognito_domain_prefix" {
  description = "With cognito: first part of the name of the log-in page, https://PREFIX.auth.REGION.amazoncognito.com. No other account in the Region may have it."
  type        = string
  default     = null

  validation {
    condition = var.cognito_domain_prefix == null || (
      can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.cognito_domain_prefix)) && !can(regex("aws|amazon|cognito", var.cognito_domain_prefix))
    )
    error_message = "cognito_domain_prefix must be 1 to 63 lower-case letters, digits and hyphens, none at an end, without the words aws, amazon and cognito."
  }
}

variable "cognito_callback_urls" {
  description = "With cognito: addresses of the page to which people are sent back when they have signed in or out. Empty is https://domain_name/."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for url in var.cognito_callback_urls : can(regex("^(https://[^/?#\\s]+|http://localhost(:[0-9]+)?)(/[^#\\s]*)?$", url))])
    error_message = "cognito_callback_urls must hold addresses with https://, or http://localhost, without a fragment (#)."
  }
}

variable "allowed_cidrs" {
  description = "Address ranges, IPv4 or IPv6, that reach the load balancers. Null is everybody with domain_name and nobody without. Services without identity (auth or cognito) need a list that is not everybody."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for cidr in coalesce(var.allowed_cidrs, []) : can(cidrhost(cidr, 0)) && !can(regex("/0.", cidr))])
    error_message = "allowed_cidrs must hold address ranges, as 203.0.113.0/24 or 2001:db8::/32."
  }

  # Before images are pushed, and without a domain, there is nothing yet that could be reached.
  validation {
    condition     = local.identity || var.allowed_cidrs != null || (!local.serving && var.domain_name == null)
    error_message = "Without identity whoever reaches the API can write. Set auth or cognito, or list in allowed_cidrs the addresses that may: not everybody."
  }

  validation {
    condition     = local.identity || !anytrue([for cidr in coalesce(var.allowed_cidrs, []) : endswith(cidr, "/0")])
    error_message = "Everybody (0.0.0.0/0 or ::/0) would reach the load balancers, and without identity whoever reaches the API can write. Set auth or cognito, or list other addresses in allowed_cidrs."
  }

  validation {
    condition     = var.compute != "lambda" || var.allowed_cidrs == null
    error_message = "allowed_cidrs does nothing with compute = \"lambda\": an HTTP API is reached by everybody. Leave it out, and set auth or cognito."
  }

  validation {
    condition     = var.domain_name != null || !anytrue([for cidr in coalesce(var.allowed_cidrs, []) : endswith(cidr, "/0")])
    error_message = "Everybody needs domain_name: without it the load balancers speak plain HTTP, and tokens could be read on the way."
  }
}
