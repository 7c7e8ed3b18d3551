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
      for name in [var.auth.roles_claim, var.auth.moderator_role, var.auth.admin_role, var.auth.user_id_claim] : name == null || trimspace(coalesce(name, "-")) != ""
    ]), false)
    error_message = "auth.roles_claim, moderator_role, admin_role and user_id_claim must be names, or left out."
  }

  validation {
    condition     = var.auth == null || var.egress == "public"
    error_message = "auth needs egress = \"public\": the services fetch the issuer's keys over the internet, which the endpoints do not reach."
  }
}

variable "allowed_cidrs" {
  description = "Address ranges, IPv4 or IPv6, that reach the load balancers. Null is everybody with domain_name and nobody without. Services without auth need a list that is not everybody."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for cidr in coalesce(var.allowed_cidrs, []) : can(cidrhost(cidr, 0)) && !can(regex("/0.", cidr))])
    error_message = "allowed_cidrs must hold address ranges, as 203.0.113.0/24 or 2001:db8::/32."
  }

  # Before images are pushed, and without a domain, there is nothing yet that could be reached.
  validation {
    condition     = var.auth != null || var.allowed_cidrs != null || (var.image_tag == null && var.domain_name == null)
    error_message = "Without identity whoever reaches the API can write. Set auth, or list in allowed_cidrs the addresses that may: not everybody."
  }

  validation {
    condition     = var.auth != null || !anytrue([for cidr in coalesce(var.allowed_cidrs, []) : endswith(cidr, "/0")])
    error_message = "Everybody (0.0.0.0/0 or ::/0) would reach the load balancers, and without identity whoever reaches the API can write. Set auth, or list other addresses in allowed_cidrs."
  }

  validation {
    condition     = var.domain_name != null || !anytrue([for cidr in coalesce(var.allowed_cidrs, []) : endswith(cidr, "/0")])
    error_message = "Everybody needs domain_name: without it the load balancers speak plain HTTP, and tokens could be read on the way."
  }
}
