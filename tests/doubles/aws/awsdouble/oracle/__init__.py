"""The leak oracle: an independent witness of what an account holds.

It decides whether an account is as it was. It looks twice: through boto3 describes of every
service, and into moto's memory through the admin path, because a describe call that hides a
leftover would hide the leak as well. Must never import anything of Skep.
"""
