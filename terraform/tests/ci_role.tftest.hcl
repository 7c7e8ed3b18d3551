# Nobody but one branch of one repository pushes images.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name            = "forum-microservices-dev-ci"
  repository      = "owner/forum"
  branch          = "main"
  create_provider = true
  repository_arns = ["arn:aws:ecr:us-east-1:123456789012:repository/forum-microservices-dev/users"]
}

run "who_and_what" {
  command = plan

  module {
    source = "./modules/ci_role"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = "repo:owner/forum:ref:refs/heads/main"
      } }
    }]
    error_message = "Only workflows of that branch may assume the role."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.push.policy).Statement : [statement.Sid, statement.Resource]] == [
      ["RegistryLogin", ["*"]],
      ["Images", ["arn:aws:ecr:us-east-1:123456789012:repository/forum-microservices-dev/users"]],
    ] && alltrue([for action in flatten(jsondecode(aws_iam_role_policy.push.policy).Statement[*].Action) : startswith(action, "ecr:") && !strcontains(action, "*") && !strcontains(action, "Delete")])
    error_message = "It pushes images and does nothing else."
  }

  assert {
    condition     = one(aws_iam_openid_connect_provider.github).url == "https://token.actions.githubusercontent.com" && one(aws_iam_openid_connect_provider.github).client_id_list == toset(["sts.amazonaws.com"])
    error_message = "The account must trust GitHub's tokens for AWS."
  }
}

run "an_account_that_trusts_github" {
  command = plan

  module {
    source = "./modules/ci_role"
  }

  variables {
    create_provider = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "A provider can be there once."
  }
}
