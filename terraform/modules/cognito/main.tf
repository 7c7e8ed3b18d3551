data "aws_region" "current" {}

locals {
  # What a program may be allowed, beside the rights of people. docs/identity.md says what each opens.
  scopes = {
    "forum:write"  = "New users, and threads of nobody"
    "forum:import" = "Everything, as anybody"
  }
}

# Who may sign in: whoever has an e-mail address and proves it.
resource "aws_cognito_user_pool" "this" {
  name                     = var.name
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]
  deletion_protection      = var.deletion_protection ? "ACTIVE" : "INACTIVE"

  username_configuration {
    case_sensitive = false
  }

  # The forum takes an address as its user's because it is verified, so a new one counts once it is.
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  # Length, not kinds of characters: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
  password_policy {
    minimum_length                   = 15
    require_lowercase                = false
    require_uppercase                = false
    require_numbers                  = false
    require_symbols                  = false
    temporary_password_validity_days = 7
  }
}

# The names that AUTH_MODERATOR_ROLE and AUTH_ADMIN_ROLE have by default.
resource "aws_cognito_user_group" "role" {
  for_each = { moderator = "Moderate the forum", admin = "Administer the forum, and moderate it" }

  name         = each.key
  description  = each.value
  user_pool_id = aws_cognito_user_pool.this.id
}

resource "aws_cognito_resource_server" "forum" {
  name         = "forum"
  identifier   = "forum"
  user_pool_id = aws_cognito_user_pool.this.id

  dynamic "scope" {
    for_each = local.scopes

    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

# The log-in page, as Cognito makes it.
resource "aws_cognito_user_pool_domain" "this" {
  domain       = var.domain_prefix
  user_pool_id = aws_cognito_user_pool.this.id
}

# A page in a browser, which can keep no secret: authorization code, with PKCE, which Cognito checks where the page sends a challenge.
resource "aws_cognito_user_pool_client" "page" {
  name                                 = "page"
  user_pool_id                         = aws_cognito_user_pool.this.id
  generate_secret                      = false
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid", "email"] # what the userinfo endpoint asks for to tell the address
  callback_urls                        = var.callback_urls
  logout_urls                          = var.callback_urls
  supported_identity_providers         = ["COGNITO"]
  explicit_auth_flows                  = ["ALLOW_REFRESH_TOKEN_AUTH"] # no passwords but on the log-in page
  prevent_user_existence_errors        = "ENABLED"
}

# A program on a server.
resource "aws_cognito_user_pool_client" "services" {
  name                                 = "services"
  user_pool_id                         = aws_cognito_user_pool.this.id
  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["client_credentials"]
  allowed_oauth_scopes                 = [for scope in keys(local.scopes) : "${aws_cognito_resource_server.forum.identifier}/${scope}"]
  explicit_auth_flows                  = ["ALLOW_REFRESH_TOKEN_AUTH"] # none that a person could use
  prevent_user_existence_errors        = "ENABLED"
}
