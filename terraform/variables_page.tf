# The forum's page for people.

variable "web" {
  description = "Serve the forum's page at /, where people read, log in and write. Needs identity (cognito or auth), and domain_name or web_url."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.web || local.identity
    error_message = "web = true needs identity, which says who may write: set cognito, or auth with web_client_id."
  }

  validation {
    condition     = !var.web || var.domain_name != null || var.web_url != null
    error_message = "web = true needs domain_name, or web_url where something else in front of the forum has its name: cookies need HTTPS."
  }

  # In the same process the page asks the API within; else it leaves by the tasks' own addresses, which nobody knows beforehand.
  validation {
    condition     = !var.web || var.compute != "ecs" || var.web_url != null || anytrue([for cidr in local.clients : cidr == "0.0.0.0/0"])
    error_message = "web = true with compute = \"ecs\" needs the load balancers open to everybody, or web_url: the page asks the API by domain_name. Leave allowed_cidrs out, or set compute = \"ecs-one\"."
  }
}

variable "web_url" {
  description = "With web: scheme, host and port under which people reach the page, and /api below it. Null is https://domain_name."
  type        = string
  default     = null

  validation {
    condition     = var.web_url == null || can(regex("^https://[a-z0-9.-]+(:[0-9]+)?$", var.web_url))
    error_message = "web_url must be https:// and a host, with a port if it is not 443, without a path, as https://forum.example.com."
  }
}

variable "web_client_id" {
  description = "With web and auth: the page's client at the issuer, with the redirect URI https://domain_name/log-in/callback. Null: the page is to be read only. With cognito it is made here."
  type        = string
  default     = null

  validation {
    condition     = var.web_client_id == null || (!var.cognito && can(regex("^[^\\s]+$", var.web_client_id)))
    error_message = "web_client_id must be a client's id, and is for auth: with cognito the page's client is made here."
  }
}
