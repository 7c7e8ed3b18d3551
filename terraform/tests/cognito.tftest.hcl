# Who signs in, how, and whose tokens the services accept then.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

variables {
  # of the module
  name          = "forum-microservices-dev"
  domain_prefix = "forum-example"
  callback_urls = ["https://forum.example.com/", "http://localhost:5173/signed-in"]

  # of the root
  image_tag             = "v1"
  domain_name           = "forum.example.com"
  cognito               = true
  cognito_domain_prefix = "forum-example"
  egress                = "public"

  # of both
  deletion_protection = true
}

run "people" {
  command = plan

  module {
    source = "./modules/cognito"
  }

  assert {
    condition     = aws_cognito_user_pool.this.username_attributes == toset(["email"]) && aws_cognito_user_pool.this.auto_verified_attributes == toset(["email"])
    error_message = "People sign in with an address that is verified."
  }

  assert {
    condition     = one(aws_cognito_user_pool.this.user_attribute_update_settings).attributes_require_verification_before_update == toset(["email"])
    error_message = "An address that is not verified must not take the place of one that is."
  }

  assert {
    condition     = !one(aws_cognito_user_pool.this.username_configuration).case_sensitive
    error_message = "Addresses that differ in case are one person's."
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "Accounts that are deleted are gone for good."
  }

  assert {
    condition     = toset([for group in aws_cognito_user_group.role : group.name]) == toset(["moderator", "admin"])
    error_message = "The services know these roles."
  }
}

run "the_page" {
  command = plan

  module {
    source = "./modules/cognito"
  }

  assert {
    condition     = !aws_cognito_user_pool_client.page.generate_secret && aws_cognito_user_pool_client.page.allowed_oauth_flows == toset(["code"]) && aws_cognito_user_pool_client.page.allowed_oauth_flows_user_pool_client
    error_message = "A page keeps no secret, and gets its tokens for a code."
  }

  assert {
    condition     = aws_cognito_user_pool_client.page.allowed_oauth_scopes == toset(["openid", "email"])
    error_message = "A person's token has no program's scope, and cannot change the account (aws.cognito.signin.user.admin)."
  }

  assert {
    condition = alltrue([
      for urls in [aws_cognito_user_pool_client.page.callback_urls, aws_cognito_user_pool_client.page.logout_urls] :
      urls == toset(["https://forum.example.com/", "http://localhost:5173/signed-in"])
    ])
    error_message = "Codes go to the page only."
  }

  assert {
    condition     = aws_cognito_user_pool_client.page.explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH"]) && aws_cognito_user_pool_client.page.prevent_user_existence_errors == "ENABLED"
    error_message = "Passwords go to the log-in page only, which does not say who has an account."
  }

  assert {
    condition     = output.domain == "https://forum-example.auth.us-east-1.amazoncognito.com"
    error_message = "People sign in there."
  }
}

run "programs" {
  command = plan

  module {
    source = "./modules/cognito"
  }

  assert {
    condition     = aws_cognito_resource_server.forum.identifier == "forum" && toset(aws_cognito_resource_server.forum.scope[*].scope_name) == toset(["forum:write", "forum:import"])
    error_message = "The services know these scopes."
  }

  assert {
    condition     = aws_cognito_user_pool_client.services.generate_secret && aws_cognito_user_pool_client.services.allowed_oauth_flows == toset(["client_credentials"])
    error_message = "A program proves who it is by its secret, and is nobody else."
  }

  assert {
    condition     = aws_cognito_user_pool_client.services.allowed_oauth_scopes == toset(["forum/forum:write", "forum/forum:import"])
    error_message = "Cognito puts the resource server before the scope."
  }
}

run "a_pool_that_may_be_deleted" {
  command = plan

  module {
    source = "./modules/cognito"
  }

  variables {
    deletion_protection = false
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE"
    error_message = "deletion_protection = false must lift the pool's."
  }
}

run "the_services_accept_its_tokens" {
  command = plan

  override_resource {
    target          = module.cognito[0].aws_cognito_user_pool.this
    override_during = plan
    values          = { id = "us-east-1_abc", endpoint = "cognito-idp.us-east-1.amazonaws.com/us-east-1_abc" }
  }

  override_resource {
    target          = module.cognito[0].aws_cognito_user_pool_client.page
    override_during = plan
    values          = { id = "page-id" }
  }

  override_resource {
    target          = module.cognito[0].aws_cognito_user_pool_client.services
    override_during = plan
    values          = { id = "services-id" }
  }

  assert {
    condition = local.stack.auth_environment == tomap({
      AUTH_ISSUER     = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
      AUTH_CLIENT_IDS = "page-id,services-id"
    })
    error_message = "Cognito's access tokens name a client in place of an audience."
  }

  assert {
    condition = [output.cognito_issuer, output.cognito_client_ids.page, output.cognito_client_ids.services, output.cognito_user_pool_id, output.cognito_domain] == [
      "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc", "page-id", "services-id", "us-east-1_abc", "https://forum-example.auth.us-east-1.amazoncognito.com",
    ]
    error_message = "A page is configured with these."
  }

  assert {
    condition     = local.callback_urls == tolist(["https://forum.example.com/"])
    error_message = "Without cognito_callback_urls people are sent back to the domain."
  }

  assert {
    condition     = join(" ", local.clients) == "0.0.0.0/0 ::/0"
    error_message = "A domain with identity is for everybody."
  }
}

run "two_issuers" {
  command = plan

  variables {
    auth = { issuer = "https://issuer.example.com", audience = "forum" }
  }

  expect_failures = [var.cognito]
}

run "a_log_in_page_without_a_name" {
  command = plan

  variables {
    cognito_domain_prefix = null
  }

  expect_failures = [var.cognito]
}

run "a_log_in_page_whose_name_aws_refuses" {
  command = plan

  variables {
    cognito_domain_prefix = "my-cognito"
  }

  expect_failures = [var.cognito_domain_prefix]
}

run "people_who_are_sent_nowhere" {
  command = plan

  variables {
    domain_name   = null
    allowed_cidrs = ["203.0.113.0/24"]
  }

  expect_failures = [var.cognito]
}

run "people_who_are_sent_there_without_https" {
  command = plan

  variables {
    cognito_callback_urls = ["https://forum.example.com/", "http://localhost.example.com/"]
  }

  expect_failures = [var.cognito_callback_urls]
}

run "keys_that_are_out_of_reach" {
  command = plan

  variables {
    egress = "endpoints"
  }

  expect_failures = [var.cognito]
}
