locals {
  # The services' defaults stand where nothing is set; without identity they must be told so, or else they do not start.
  auth_environment = tomap(var.auth == null ? { AUTH = "off" } : {
    for name, value in {
      AUTH_ISSUER         = var.auth.issuer
      AUTH_AUDIENCE       = var.auth.audience
      AUTH_CLIENT_IDS     = length(var.auth.client_ids) == 0 ? null : join(",", var.auth.client_ids)
      AUTH_ROLES_CLAIM    = var.auth.roles_claim
      AUTH_MODERATOR_ROLE = var.auth.moderator_role
      AUTH_ADMIN_ROLE     = var.auth.admin_role
      AUTH_USER_ID_CLAIM  = var.auth.user_id_claim
    } : name => value if value != null
  })
}
