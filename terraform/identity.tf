locals {
  identity = var.cognito || var.auth != null # without it whoever reaches the API can write

  # Where people are sent back to when they have signed in or out.
  callback_urls = tolist(concat(
    length(var.cognito_callback_urls) > 0 ? var.cognito_callback_urls : [for name in var.domain_name[*] : "https://${name}/"],
    [for url in local.page_url[*] : "${url}/log-in/callback"],
  ))

  # The services' defaults stand where nothing is set; without identity they must be told so, or else they do not start.
  auth_environment = tomap(
    var.cognito ? {
      AUTH_ISSUER     = module.cognito[0].issuer
      AUTH_CLIENT_IDS = join(",", values(module.cognito[0].client_ids))
    } :
    var.auth == null ? { AUTH = "off" } : {
      for name, value in {
        AUTH_ISSUER         = var.auth.issuer
        AUTH_AUDIENCE       = var.auth.audience
        AUTH_CLIENT_IDS     = length(var.auth.client_ids) == 0 ? null : join(",", var.auth.client_ids)
        AUTH_ROLES_CLAIM    = var.auth.roles_claim
        AUTH_MODERATOR_ROLE = var.auth.moderator_role
        AUTH_ADMIN_ROLE     = var.auth.admin_role
        AUTH_USER_ID_CLAIM  = var.auth.user_id_claim
      } : name => value if value != null
    }
  )
}

module "cognito" {
  source = "./modules/cognito"
  count  = var.cognito ? 1 : 0

  name                = "${var.project}-${var.environment}"
  domain_prefix       = var.cognito_domain_prefix
  callback_urls       = local.callback_urls
  deletion_protection = var.deletion_protection
}
